import { longFlag, type Setting, type SettingTable, settingsOf } from "./setting.ts";

/** A setting with the value that a running service uses. */
export interface SettingInForce {
  /** How its owner names it: the flag, or the variable where there is no flag. */
  readonly name: string;
  readonly variable: string | null;
  readonly description: string;
  /** As text. Null: it is not set, or it is a secret. A URL has no user and password. */
  readonly value: string | null;
  /** What applies if it is not set. Null: nothing. */
  readonly default: string | null;
  readonly is_set: boolean;
  readonly is_secret: boolean;
}

/** The settings of the entry points that read them, with their values. Values of secrets are left out. */
export function settingsInForce(
  tables: readonly SettingTable[],
  entries: readonly ("cairn" | "serve" | "cloud")[],
  values: Readonly<Record<string, unknown>>,
): readonly SettingInForce[] {
  const found = tables.flatMap((table) => entries.flatMap((entry) => settingsOf(table, entry)));
  return found.flatMap(([key, setting]) => (isCommandOnly(key) ? [] : [describe(setting, values[key])]));
}

/** Options of single commands, which have no effect on a running service. */
function isCommandOnly(key: string): boolean {
  return key === "json" || key === "url" || key === "key";
}

function describe(setting: Setting, value: unknown): SettingInForce {
  const { variable, description, defaultText, secret } = setting;
  const isSecret = secret !== undefined;
  const isSet = value !== undefined && value !== "" && value !== setting.default;
  const applied = setting.default === undefined ? defaultText : String(setting.default);
  return {
    name: longFlag(setting) ?? variable ?? "",
    variable: variable ?? null,
    description,
    value: isSecret || !isSet ? null : withoutCredentials(String(value)),
    default: applied ?? null,
    is_set: isSet,
    is_secret: isSecret,
  };
}

/** A URL without user, password and query, which can contain secrets; other text as it is. */
function withoutCredentials(text: string): string {
  const url = /^[a-z][a-z+]*:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  return url ? `${url.protocol}//${url.host}${url.pathname}` : text;
}
