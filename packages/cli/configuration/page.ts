import {
  type EntryPoint,
  longFlag,
  type Setting,
  type SettingTable,
  type SettingType,
  settingsOf,
} from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { EXTENSIONS } from "../extensions.ts";

const HEAD = `# Configuration

This page is generated from \`packages/api/settings\`. To regenerate it, run \`npm run docs:configuration\`.

- The setting's name is what messages and the code call it.
- A flag takes precedence over a variable, and a variable over the default.
- An empty variable of a global option or of a function counts as unset.
- Write a number without separators.
- A **secret** is safer as a variable than as a flag. In the cloud it is a linked resource (AWS) or a binding (Cloudflare).
`;

const SECTIONS = {
  cairn: { title: "Global options", text: "Every command accepts them: `cairn --help` lists them." },
  serve: {
    title: "cairn serve",
    text: "In addition to the global options: `cairn serve --help` lists them.",
  },
  cloud: {
    title: "AWS and Cloudflare",
    text: "The functions read them. [deploy.md](deploy.md) describes how to set them.",
  },
} as const satisfies Record<EntryPoint, object>;

const TABLE: SettingTable = Object.assign({}, SETTINGS, ...EXTENSIONS.map(({ service }) => service.settings));

/** The text of docs/configuration.md: one table of settings for each entry point. */
export function configurationPage(): string {
  const sections = (["cairn", "serve", "cloud"] as const).map((entry) => {
    const { title, text } = SECTIONS[entry];
    return `## ${title}\n\n${text}\n\n${tableOf(entry)}\n`;
  });
  return [HEAD, ...sections].join("\n");
}

function tableOf(entry: EntryPoint): string {
  const columns =
    entry === "cloud"
      ? ["setting", "variable or secret", "default", "values", "description"]
      : ["setting", "flag", "variable", "default", "values", "description"];
  const rows = settingsOf(TABLE, entry)
    .filter(([, { internal }]) => !internal)
    .map(([key, setting]) => [
      code(key),
      ...(entry === "cloud" ? [cloudName(setting)] : [code(setting.flag), variableOf(setting)]),
      defaultOf(setting, entry),
      valuesOf(setting.type),
      namedIn(setting.description, entry),
    ]);
  return [columns, columns.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function variableOf({ variable, secret }: Setting): string {
  return secret ? `${code(variable)} (secret)` : code(variable);
}

function cloudName({ variable, secret }: Setting): string {
  return typeof secret === "string" ? `${code(secret)} (secret)` : code(variable);
}

function defaultOf(setting: Setting, entry: EntryPoint): string {
  if (setting.required) return "required";
  if (setting.type.kind === "boolean") return "";
  if (typeof setting.default === "string") return code(setting.default);
  if (setting.default !== undefined) return String(setting.default);
  return namedIn(setting.defaultText ?? "", entry);
}

/** The text with settings named as the entry point names them: by their flag, or in the cloud by their variable or secret. */
function namedIn(text: string, entry: EntryPoint): string {
  return text.replaceAll(/--[\w-]+/g, (flag) => {
    const setting = Object.values(TABLE).find((candidate) => longFlag(candidate) === flag);
    return entry === "cloud" && setting ? cloudName(setting) : code(flag);
  });
}

function valuesOf(type: SettingType): string {
  switch (type.kind) {
    case "integer":
      return type.max === undefined ? `integer, at least ${type.min}` : `integer, ${type.min} to ${type.max}`;
    case "choice":
      return type.values.map(code).join(", ");
    case "boolean":
      return "no value";
    case "url":
      return "HTTP URL";
    case "postgres-url":
      return "`postgres://` URL";
    case "model":
      return "`provider/model`";
    case "text":
      return type.form ?? "text";
  }
}

function code(text: string | undefined): string {
  return text === undefined ? "" : `\`${text}\``;
}
