import * as z from "zod";
import { type EntryPoint, type Setting, type SettingTable, type SettingValues, settingsOf } from "./setting.ts";

/** The schema of the settings that an entry point reads, by key. Numbers can be strings. Other keys are ignored. */
export function settingsSchema<const Table extends SettingTable, const Entry extends EntryPoint>(
  table: Table,
  entry: Entry,
) {
  const fields = settingsOf(table, entry).map(([key, setting]) => [key, fieldOf(setting)] as const);
  return z.object(Object.fromEntries(fields)) as unknown as z.ZodType<SettingValues<Table, Entry>>;
}

function fieldOf(setting: Setting): z.ZodType {
  const type = typeOf(setting);
  if (setting.default !== undefined) return type.default(setting.default);
  return setting.required ? type : type.optional();
}

function typeOf({ type }: Setting): z.ZodType {
  switch (type.kind) {
    case "integer":
      return z.coerce
        .number()
        .int()
        .min(type.min)
        .max(type.max ?? Number.MAX_SAFE_INTEGER);
    case "choice":
      return z.enum(type.values);
    case "boolean":
      return z.boolean();
    case "url":
      return z.url({ protocol: /^https?$/ });
    case "postgres-url":
      return z.string().regex(/^postgres(ql)?:\/\//);
    case "model":
      return z.string().regex(/^[\w-]+\/\S+$/, "the form is provider/model");
    case "text":
      return z.string().min(1);
  }
}
