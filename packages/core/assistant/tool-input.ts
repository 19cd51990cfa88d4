import * as z from "zod";
import { parseJson } from "../database/json.ts";
import { isObject } from "../embedding/server-error.ts";
import { AppError } from "../error.ts";

/** The validated arguments of a tool call, read tolerantly (see `readArguments`). Throws `invalid_input` with the path to the error and the fields that the tool takes. */
export function parseArguments<Shape extends z.ZodRawShape>(
  tool: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  input: unknown,
): z.output<typeof schema> {
  const read = readArguments(schema, input);
  const parsed = schema.safeParse(read);
  if (parsed.success) return { ...parsed.data, ...objectFields(schema, read as Fields) };
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  const reason = path ? `${path}: ${issue?.message}` : issue?.message;
  throw new AppError(
    "invalid_input",
    `The arguments of ${tool} cannot be used: ${reason}. ${tool} takes a JSON object with ${describeFields(schema)}.`,
    { path: path || tool },
  );
}

/**
 * The arguments converted to the schema's types if their meaning is clear. Models send the object as a JSON string, `null`
 * or an empty value for an omitted field, `"5"` for a number, an object or list as a JSON string, and enums in capitals.
 * All other values are unchanged, so that the schema rejects them.
 */
export function readArguments(schema: z.ZodObject, input: unknown): unknown {
  const value = readText(input);
  if (value === null || value === undefined || value === "") return {};
  if (!isObject(value)) return value;
  const fields = unwrap(schema, value);
  const read = Object.entries(fields).map(([name, field]) => {
    const type = schema.shape[name] as z.ZodType | undefined;
    return [name, type ? readField(type, field) : (field ?? undefined)] as const;
  });
  return Object.fromEntries(read.filter(([, field]) => field !== undefined));
}

/** The object arguments as they were read. The schema's copy would lose a key like `__proto__`. */
function objectFields(schema: z.ZodObject, fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) => describeType(schema.shape[name] as z.ZodType).kind === "object"),
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** The value of a JSON string, also if it was stringified twice. A string that is not JSON is returned as it is. */
function readText(input: unknown): unknown {
  let value = input;
  for (let depth = 0; depth < 2 && typeof value === "string" && value.trim() !== ""; depth++) {
    try {
      value = parseJson(value);
    } catch {
      return value;
    }
  }
  return typeof value === "string" ? value.trim() : value;
}

/** The fields without the envelope that some models add: `{"name": "search", "arguments": {…}}`. */
function unwrap(schema: z.ZodObject, fields: Fields): Fields {
  for (const key of ["arguments", "parameters", "input"]) {
    const others = Object.keys(fields).filter((name) => name !== key && name !== "name");
    const inner = key in schema.shape || others.length > 0 ? undefined : readText(fields[key]);
    if (isObject(inner)) return inner;
  }
  return fields;
}

/** One argument; undefined: it is omitted. */
function readField(type: z.ZodType, value: unknown): unknown {
  const { kind, optional, options } = describeType(type);
  if (value === null || value === undefined) return undefined;
  if (kind === "string") {
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
    return optional && /^\s*(?:null)?\s*$/.test(String(value)) ? undefined : value;
  }
  if (typeof value === "string" && isBlank(value)) return optional ? undefined : value;
  if (kind === "enum" && typeof value === "string") {
    const name = value.trim().toLowerCase();
    if (optional && name === "none" && !options.includes("none")) return undefined;
    return options.find((option) => option.toLowerCase() === name) ?? value;
  }
  const read = typeof value === "string" ? readText(value) : value;
  if (read === null && optional) return undefined;
  if (kind === "number") return typeof read === "number" ? read : value;
  if (kind === "boolean") return typeof read === "boolean" ? read : readBoolean(value);
  if (kind === "array") return Array.isArray(read) && (read.length > 0 || !optional) ? read : omitIfEmpty(read, value);
  if (kind === "object")
    return isObject(read) && (!optional || Object.keys(read).length > 0) ? read : omitIfEmpty(read, value);
  return value;
}

/** Undefined for an empty list or object of the wrong type or of an optional field, which counts as omitted. */
function omitIfEmpty(read: unknown, value: unknown): unknown {
  const empty = typeof read === "object" && read !== null && Object.keys(read).length === 0;
  return empty ? undefined : value;
}

function readBoolean(value: unknown): unknown {
  const booleans: Readonly<Record<string, boolean>> = { true: true, false: false };
  return typeof value === "string" ? (booleans[value.trim().toLowerCase()] ?? value) : value;
}

function isBlank(value: unknown): boolean {
  return typeof value === "string" && /^\s*(?:null|none|undefined)?\s*$/i.test(value);
}

interface TypeDescription {
  readonly kind: string;
  readonly optional: boolean;
  /** The values of an enum. */
  readonly options: readonly string[];
}

function describeType(type: z.ZodType): TypeDescription {
  if (type instanceof z.ZodOptional || type instanceof z.ZodNullable || type instanceof z.ZodDefault)
    return { ...describeType(type.unwrap() as z.ZodType), optional: true };
  const { type: kind } = type.def;
  const options =
    type instanceof z.ZodEnum
      ? type.options.map(String)
      : type instanceof z.ZodLiteral
        ? [...type.values].map(String)
        : [];
  if (options.length > 0) return { kind: "enum", optional: false, options };
  return { kind: kind === "record" ? "object" : kind === "int" ? "number" : kind, optional: false, options };
}

function describeFields(schema: z.ZodObject): string {
  const fields = Object.entries(schema.shape).map(([name, type]) => {
    const { kind, optional, options } = describeType(type as z.ZodType);
    const values = options.length > 0 ? options.map((option) => JSON.stringify(option)).join(" or ") : kind;
    return `${name} (${values}${optional ? ", optional" : ""})`;
  });
  return fields.join(", ");
}
