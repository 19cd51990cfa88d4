import { settingsSchema } from "@cairn/api/settings/schema.ts";
import { type Setting, type SettingValues, settingName } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { AppError } from "@cairn/core/error.ts";

/** The global options, from flags and environment variables. Flags take precedence. */
export type Config = SettingValues<typeof SETTINGS, "cairn">;

const schema = settingsSchema(SETTINGS, "cairn");

/** Parses and validates the global options. An empty environment variable counts as unset. Throws `invalid_input`. */
export function parseConfig(options: Record<string, unknown>): Config {
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ""));
  const result = schema.safeParse(set);
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const key = String(issue?.path[0] ?? "");
  const setting: Setting | undefined = SETTINGS[key as keyof Config];
  const name = setting ? settingName(setting) : key;
  throw new AppError("invalid_input", `${name} is not valid: ${issue?.message}.`, { path: name });
}
