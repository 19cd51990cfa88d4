import type { JwtOptions } from "@cairn/api/auth/jwt.ts";
import { readChatOptions, readJwtOptions } from "@cairn/api/settings/options.ts";
import { settingsSchema } from "@cairn/api/settings/schema.ts";
import { type SettingTable, type SettingValues, settingsOf } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";

/** The settings of the functions. */
export interface Settings extends SettingValues<typeof SETTINGS, "cloud"> {
  /** Undefined: chat responds 503. */
  readonly chat: ChatModelOptions | undefined;
  /** Undefined: only the service's own API keys are accepted. */
  readonly jwt: JwtOptions | undefined;
}

/** Value of a secret by its name. */
export type ReadResource = (name: string) => string | undefined;

/** Placeholder value of a secret that was never set (infra/secrets.ts). */
const UNSET = "unset";

/** The settings of the service. Throws `invalid_input` with the name of the setting, never its value. */
export function readSettings(resource: ReadResource, environment: NodeJS.ProcessEnv): Settings {
  const values = readTable(SETTINGS, resource, environment);
  return Object.freeze({ ...values, chat: readChatOptions(values), jwt: readJwtOptions(values) });
}

/**
 * The cloud's settings of a table. On AWS secrets are linked resources: SST encrypts them in the bundle; tests set them as
 * SST_RESOURCE_… variables. On Cloudflare secrets are bindings. All other settings are environment variables.
 */
export function readTable<const Table extends SettingTable>(
  table: Table,
  resource: ReadResource,
  environment: NodeJS.ProcessEnv,
): SettingValues<Table, "cloud"> {
  const values = settingsOf(table, "cloud").map(([key, { secret, variable }]) => [
    key,
    typeof secret === "string" ? resource(secret) : variable && environment[variable],
  ]);
  const present = values.filter(([, value]) => value !== undefined && value !== "" && value !== UNSET);
  const result = settingsSchema(table, "cloud").safeParse(Object.fromEntries(present));
  if (result.success) return result.data;
  const name = String(result.error.issues[0]?.path[0] ?? "");
  throw new AppError("invalid_input", `The setting ${name} is missing or invalid. See docs/deploy.md.`, {
    path: name,
  });
}
