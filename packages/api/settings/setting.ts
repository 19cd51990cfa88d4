// How a setting is declared. Nothing is imported here, so that infra/ can read the table.

/** Who reads a setting. `cairn`: every command, as a global option. `cloud`: the functions on AWS and Cloudflare. */
export type EntryPoint = "cairn" | "serve" | "cloud";

export interface Setting {
  /** Noun phrase with its unit. */
  readonly description: string;
  readonly type: SettingType;
  readonly usedBy: readonly EntryPoint[];
  /** Entry points that do not start without it. */
  readonly requiredBy?: readonly EntryPoint[];
  /** Environment variable. */
  readonly variable?: string;
  /** Option of the command line with its value: `--rate-limit <n>`. Undefined: the command line has none. */
  readonly flag?: string;
  /** Value if the setting is not set. */
  readonly default?: string | number | boolean;
  /** Text of a default that the reader of the setting applies. */
  readonly defaultText?: string;
  /** Remark for the help of the command line. */
  readonly remark?: string;
  /** Resource or binding that holds it in the cloud, where no variable does; `true` if no cloud reads it. */
  readonly secret?: string | true;
  /** What differs in the cloud. */
  readonly cloud?: { readonly type?: SettingType; readonly default?: number };
  /** Set by the deployment itself, not by its operator. */
  readonly internal?: true;
}

export type SettingTable = Readonly<Record<string, Setting>>;

export type SettingType = IntegerType | TextType | ChoiceType | BooleanType;

export interface IntegerType {
  readonly kind: "integer";
  readonly min: number;
  readonly max?: number;
}

export interface TextType {
  readonly kind: "text" | "url" | "model" | "postgres-url";
  /** What the text contains, if the schema does not check it. */
  readonly form?: string;
}

export interface ChoiceType<Value extends string = string> {
  readonly kind: "choice";
  readonly values: readonly Value[];
}

export interface BooleanType {
  readonly kind: "boolean";
}

export function integer(min: number, max?: number): IntegerType {
  return { kind: "integer", min, max };
}

export function choice<const Value extends string>(...values: readonly Value[]): ChoiceType<Value> {
  return { kind: "choice", values };
}

export const TEXT: TextType = { kind: "text" };
/** An HTTP or HTTPS URL. */
export const HTTP_URL: TextType = { kind: "url" };
/** A URL that is checked together with the settings it belongs to, see options.ts. */
export const GROUPED_URL: TextType = { kind: "text", form: "HTTP URL" };
export const LIST: TextType = { kind: "text", form: "list" };
export const MODEL: TextType = { kind: "model" };
export const POSTGRES_URL: TextType = { kind: "postgres-url" };
export const BOOLEAN: BooleanType = { kind: "boolean" };

/** The settings that an entry point reads, as it reads them. */
export function settingsOf(table: SettingTable, entry: EntryPoint): readonly (readonly [string, Setting])[] {
  return Object.entries(table)
    .filter(([, { usedBy }]) => usedBy.includes(entry))
    .map(([key, setting]) => [key, entry === "cloud" ? { ...setting, ...setting.cloud } : setting]);
}

/** The flag without its value. */
export function longFlag({ flag }: Pick<Setting, "flag">): string | undefined {
  return flag?.replace(/ .*/, "");
}

/** How messages of the command line name a setting: `--flag (VARIABLE)`. */
export function settingName({ flag, variable }: Pick<Setting, "flag" | "variable">): string {
  const long = longFlag({ flag });
  return long && variable ? `${long} (${variable})` : (long ?? variable ?? "");
}

type ValueOf<Type extends SettingType> = Type extends IntegerType
  ? number
  : Type extends ChoiceType<infer Value>
    ? Value
    : Type extends BooleanType
      ? boolean
      : string;

type KeysOf<Table extends SettingTable, Entry extends EntryPoint> = {
  [Key in keyof Table]: Entry extends Table[Key]["usedBy"][number] ? Key : never;
}[keyof Table];

/** Whether a value always exists: it is required or has a default. */
type IsPresent<S extends Setting, Entry extends EntryPoint> = S extends { readonly default: unknown }
  ? true
  : S extends { readonly requiredBy: readonly (infer Required)[] }
    ? Entry extends Required
      ? true
      : false
    : Entry extends "cloud"
      ? S extends { readonly cloud: { readonly default: number } }
        ? true
        : false
      : false;

/** The parsed settings of an entry point, by key. */
export type SettingValues<Table extends SettingTable, Entry extends EntryPoint> = {
  readonly [Key in KeysOf<Table, Entry> as IsPresent<Table[Key], Entry> extends true ? Key : never]: ValueOf<
    Table[Key]["type"]
  >;
} & {
  readonly [Key in KeysOf<Table, Entry> as IsPresent<Table[Key], Entry> extends true ? never : Key]?: ValueOf<
    Table[Key]["type"]
  >;
};
