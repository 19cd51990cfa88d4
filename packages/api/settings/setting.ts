// How a setting is declared. Nothing is imported here, so that infra/ can read the table.

/** Who reads a setting. `cairn`: every command, as a global option. `cloud`: the functions on AWS and Cloudflare. */
export type EntryPoint = "cairn" | "serve" | "cloud";

export interface Setting {
  /** Noun phrase with its unit. */
  readonly description: string;
  readonly type: SettingType;
  readonly usedBy: readonly EntryPoint[];
  /** Whether nothing starts without it. */
  readonly required?: true;
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
  readonly cloud?: { readonly type?: SettingType; readonly default?: number; readonly required?: true };
  /** Set by the deployment itself, not by its operator. */
  readonly internal?: true;
}

export type SettingTable = Readonly<Record<string, Setting>>;

export type SettingType = IntegerType | TextType | ChoiceType | BooleanType;

interface IntegerType {
  readonly kind: "integer";
  readonly min: number;
  readonly max?: number;
}

interface TextType {
  readonly kind: "text" | "url" | "model" | "postgres-url";
  /** What the text contains, if the schema does not check it. */
  readonly form?: string;
}

interface ChoiceType<Value extends string = string> {
  readonly kind: "choice";
  readonly values: readonly Value[];
}

interface BooleanType {
  readonly kind: "boolean";
}

/** A setting without the names that follow from its key. */
interface Declaration extends Omit<Setting, "flag"> {
  /** Name of the option without `--`. Default: the key in kebab case. */
  readonly option?: string;
  /** Name of the option's value. Undefined: it has none, and there is no variable. */
  readonly value?: string;
}

/** Returns a function that declares a setting of these entry points, from its description and its type with what differs from the defaults. */
export function usedBy<const Entries extends readonly EntryPoint[]>(...entries: Entries) {
  return <const Rest extends Omit<Declaration, "description" | "usedBy">>(description: string, rest: Rest) => ({
    description,
    usedBy: entries,
    ...rest,
  });
}

export function integer(min: number, max: number | undefined, defaultText?: number | string) {
  return {
    type: { kind: "integer", min, max } as IntegerType,
    value: "n",
    defaultText: defaultText?.toString(),
  };
}

export function atLeast(min: number, defaultText: number | string) {
  return integer(min, undefined, defaultText);
}

export function text(value: string, defaultText?: string) {
  return { type: { kind: "text" } as TextType, value, defaultText };
}

export function choice<const Value extends string>(...values: readonly Value[]) {
  return { type: { kind: "choice", values } as ChoiceType<Value>, value: "level" };
}

export const POSTGRES_URL: TextType = { kind: "postgres-url" };
/** An HTTP or HTTPS URL. */
export const HTTP_URL = { type: { kind: "url" } as TextType, value: "url" };
/** A URL that is checked together with the settings it belongs to, see options.ts. */
export const GROUPED_URL = { type: { kind: "text", form: "HTTP URL" } as TextType, value: "url" };
export const LIST = { type: { kind: "text", form: "list" } as TextType, value: "list" };
export const MODEL = { type: { kind: "model" } as TextType, value: "provider/model" };
export const SWITCH = { type: { kind: "boolean" } as BooleanType, default: false };

/** The table of the declared settings. The key `maxBody` gives the flag `--max-body` and the variable `CAIRN_MAX_BODY`. */
export function settingTable<const Table extends Readonly<Record<string, Declaration>>>(declarations: Table) {
  const named = Object.entries<Declaration>(declarations).map(([key, { option, value, ...setting }]) => {
    const name = option ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = value && `CAIRN_${name.toUpperCase().replaceAll("-", "_")}`;
    const hasFlag = setting.usedBy.some((entry) => entry !== "cloud");
    return [key, { variable, flag: hasFlag ? `--${name}${value ? ` <${value}>` : ""}` : undefined, ...setting }];
  });
  return Object.fromEntries(named) as {
    readonly [Key in keyof Table]: Table[Key] & {
      readonly flag?: string;
      readonly variable: Table[Key] extends { readonly value: string } ? string : undefined;
    };
  };
}

/** The settings that an entry point reads, as it reads them. */
export function settingsOf(table: SettingTable, entry: EntryPoint): readonly (readonly [string, Setting])[] {
  return Object.entries(table)
    .filter(([, setting]) => setting.usedBy.includes(entry))
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

type Values<Table extends SettingTable, Entry extends EntryPoint> = {
  readonly [Key in keyof Table as Entry extends Table[Key]["usedBy"][number] ? Key : never]: ValueOf<
    Table[Key]["type"]
  >;
};

/** The keys of settings that always have a value, because they are required or have a default. */
type PresentKeys<Table extends SettingTable, Entry extends EntryPoint> = {
  [Key in keyof Table]: Table[Key] extends { readonly default: unknown }
    ? Key
    : Table[Key] extends { readonly cloud: { readonly default: number } | { readonly required: true } }
      ? Entry extends "cloud"
        ? Key
        : never
      : never;
}[keyof Table];

/** The parsed settings of an entry point, by key. */
export type SettingValues<Table extends SettingTable, Entry extends EntryPoint> = Partial<Values<Table, Entry>> &
  Pick<Values<Table, Entry>, PresentKeys<Table, Entry> & keyof Values<Table, Entry>>;
