import * as z from "zod";
import { parseJson } from "../database/json.ts";
import { AppError } from "../error.ts";

/** Checks the arguments that a model or a caller gave a tool, tolerantly (see `readArguments`). Throws `invalid_input` with the path to the fault, and what the tool takes. */
export function parseArguments<Shape extends z.ZodRawShape>(
  tool: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  given: unknown,
): z.output<typeof schema> {
  const read = readArguments(schema, given);
  const parsed = schema.safeParse(read);
  if (parsed.success) return { ...parsed.data, ...objectsOf(schema, read as Fields) };
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  const why = path ? `${path}: ${issue?.message}` : issue?.message;
  throw new AppError(
    "invalid_input",
    `The arguments of ${tool} cannot be used: ${why}. ${tool} takes a JSON object with ${describeFields(schema)}.`,
    { path: path || tool },
  );
}

/**
 * The arguments as the schema wants them, where their meaning is clear: models send the object as a JSON string, `null`
 * or an empty value for what they leave out, `"5"` for a number, an object or list as a JSON string, and enums in
 * capitals. Anything else is left as it is, for the schema to refuse.
 */
export function readArguments(schema: z.ZodObject, given: unknown): unknown {
  const value = readText(given);
  if (value === null || value === undefined || value === "") return {};
  if (!isObject(value)) return value;
  const fields = unwrap(schema, value);
  const read = Object.entries(fields).map(([name, field]) => {
    const type = schema.shape[name] as z.ZodType | undefined;
    return [name, type ? readField(type, field) : (field ?? undefined)] as const;
  });
  return Object.fromEntries(read.filter(([, field]) => field !== undefined));
}

/** The arguments that are objects, as they were read: the schema's copy of one lacks a key like `__proto__`. */
function objectsOf(schema: z.ZodObject, fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([name]) => describeType(schema.shape[name] as z.ZodType).kind === "object",
    ),
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** The JSON of a string, also of one that was made a string twice; the string itself where it is not JSON. */
function readText(given: unknown): unknown {
  let value = given;
  for (let depth = 0; depth < 2 && typeof value === "string" && value.trim() !== ""; depth++) {
    try {
      value = parseJson(value);
    } catch {
      return value;
    }
  }
  return typeof value === "string" ? value.trim() : value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields out of the envelope that some models put them into: `{"name": "search", "arguments": {…}}`. */
function unwrap(schema: z.ZodObject, fields: Fields): Fields {
  for (const key of ["arguments", "parameters", "input"]) {
    const others = Object.keys(fields).filter((name) => name !== key && name !== "name");
    const inner = key in schema.shape || others.length > 0 ? undefined : readText(fields[key]);
    if (isObject(inner)) return inner;
  }
  return fields;
}

/** One argument; undefined: it is left out. */
function readField(type: z.ZodType, value: unknown): unknown {
  const { kind, optional, options } = describeType(type);
  if (value === null || value === undefined) return undefined;
  if (kind === "string") {
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
      return String(value);
    return optional && /^\s*(?:null)?\s*$/.test(String(value)) ? undefined : value;
  }
  if (typeof value === "string" && isBlank(value)) return optional ? undefined : value;
  if (kind === "enum" && typeof value === "string") {
    const wanted = value.trim().toLowerCase();
    if (optional && wanted === "none" && !options.includes("none")) return undefined;
    return options.find((option) => option.toLowerCase() === wanted) ?? value;
  }
  const read = typeof value === "string" ? readText(value) : value;
  if (read === null && optional) return undefined;
  if (kind === "number") return typeof read === "number" ? read : value;
  if (kind === "boolean") return typeof read === "boolean" ? read : readBoolean(value);
  if (kind === "array")
    return Array.isArray(read) && (read.length > 0 || !optional) ? read : emptyToNothing(read, value);
  if (kind === "object")
    return isObject(read) && (!optional || Object.keys(read).length > 0) ? read : emptyToNothing(read, value);
  return value;
}

/** An empty list or object where the other, or something in it, is expected says nothing: it is left out. */
function emptyToNothing(read: unknown, value: unknown): unknown {
  const empty = typeof read === "object" && read !== null && Object.keys(read).length === 0;
  return empty ? undefined : value;
}

function readBoolean(value: unknown): unknown {
  const known: Readonly<Record<string, boolean>> = { true: true, false: false };
  return typeof value === "string" ? (known[value.trim().toLowerCase()] ?? value) : value;
}

function isBlank(value: unknown): boolean {
  return typeof value === "string" && /^\s*(?:null|none|undefined)?\s*$/i.test(value);
}

interface TypeDescription {
  readonly kind: string;
  readonly optional: boolean;
  /** Of an enum. */
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
    const takes = options.length > 0 ? options.map((option) => JSON.stringify(option)).join(" or ") : kind;
    return `${name} (${takes}${optional ? ", optional" : ""})`;
  });
  return fields.join(", ");
}
