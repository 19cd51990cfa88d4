import fc from "fast-check";
import type { ApiDescription, JsonSchema, Operation } from "./openapi.ts";

/** Values that a schema lets through, made from the schema alone. */
function validValue(schema: JsonSchema, resolve: ApiDescription["resolve"]): fc.Arbitrary<unknown> {
  const own = resolve(schema);
  if (own.enum) return fc.constantFrom(...own.enum);
  if (own.anyOf) return fc.oneof(...own.anyOf.map((one) => validValue(one, resolve)));
  const type = Array.isArray(own.type) ? (own.type.find((one) => one !== "null") as string) : own.type;
  if (type === "object") return validObject(own, resolve);
  if (type === "array")
    return fc.array(validValue(own.items ?? {}, resolve), {
      minLength: own.minItems ?? 0,
      maxLength: Math.min(own.maxItems ?? 4, (own.minItems ?? 0) + 3),
    });
  if (type === "integer")
    return fc.integer({
      min: own.minimum ?? -1_000,
      max: Math.min(own.maximum ?? 1_000, (own.minimum ?? 0) + 2_000),
    });
  if (type === "number") return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  if (type === "boolean") return fc.boolean();
  if (type === "string") return validString(own);
  return fc.jsonValue();
}

function validObject(schema: JsonSchema, resolve: ApiDescription["resolve"]): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema;
  if (Object.keys(properties).length === 0)
    return fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("$and", "$eq", "$in", "$not", "topic")),
      fc.jsonValue(),
      {
        maxKeys: 3,
      },
    );
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, validValue(property, resolve)]),
  );
  return fc.record(model, { requiredKeys: [...required] });
}

function validString({ format, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<string> {
  if (format === "uuid") return fc.uuid();
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date("2027-01-01"), max: new Date("2100-01-01") })
      .map((date) => date.toISOString());
  const most = Math.min(maxLength, 40);
  return fc.oneof(
    fc.constantFrom("knowledge", "returns", "a kettle in Kiel").filter((text) => text.length >= minLength),
    fc.string({ minLength, maxLength: most, unit: "binary" }),
    fc.string({ minLength, maxLength: most }),
  );
}

/** What no schema wants, or some do not. */
const ODD = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    "",
    "\u0000",
    "\ud800",
    "x".repeat(5_000),
    [],
    {},
    [[[[]]]],
  ),
  fc.constantFrom<unknown>(
    "'; DROP TABLE cairn.documents; --",
    "../../etc/passwd",
    "%00",
    "{{7*7}}",
    "<script>",
    "$1",
  ),
  fc.jsonValue(),
);

/** A request: sometimes as the description wants it, sometimes broken in one of the ways that requests are. */
export interface GeneratedRequest {
  readonly operation: Operation;
  readonly path: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** A parameter in the path's query that the operation does not describe. */
  readonly stray: string | undefined;
}

const STRAYS = ["colection", "Limit", "filter[topic]", "unknown", "__proto__", "constructor"];

/** Values of a path's parameter that something is found by. */
export type KnownIds = (operation: Operation, parameter: string) => readonly string[];

export function requestArbitrary(
  { operations, resolve }: ApiDescription,
  known: KnownIds,
): fc.Arbitrary<GeneratedRequest> {
  return fc.constantFrom(...operations).chain((operation) =>
    fc
      .record({
        parameters: fc.record(
          Object.fromEntries(
            operation.parameters
              .filter((one) => one.in !== "header")
              .map((one) => [
                one.name,
                fc.oneof(
                  ...(one.in === "path"
                    ? [{ weight: 8, arbitrary: fc.constantFrom(...known(operation, one.name)) }]
                    : []),
                  { weight: 4, arbitrary: validValue(one.schema, resolve) },
                  { weight: 1, arbitrary: ODD },
                  {
                    weight: one.required ? 0 : 4,
                    arbitrary: fc.constant(undefined),
                  },
                ),
              ]),
          ),
        ),
        body: operation.body ? bodyArbitrary(operation.body, resolve) : fc.constant(undefined),
        stray: fc.oneof(
          { weight: 15, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom(...STRAYS) },
        ),
        key: fc.oneof(
          { weight: 6, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.string() },
          { weight: 1, arbitrary: fc.uuid() },
        ),
        type: fc.oneof(
          { weight: 30, arbitrary: fc.constant("application/json") },
          { weight: 1, arbitrary: fc.constantFrom("text/plain", "application/xml", "application/jsonp", "") },
        ),
      })
      .map(({ parameters, body, stray, key, type }) => ({
        operation,
        path: addressOf(operation, parameters, stray),
        body,
        stray,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": type }),
          ...(key === undefined || !/^[\x20-\x7e]*$/.test(key) ? {} : { "Idempotency-Key": key }),
        },
      })),
  );
}

function bodyArbitrary(schema: JsonSchema, resolve: ApiDescription["resolve"]): fc.Arbitrary<string> {
  const valid = validValue(schema, resolve);
  const names = Object.keys(schema.properties ?? {});
  const broken = fc
    .tuple(valid, fc.constantFrom(...names, "unknown", "__proto__", "constructor"), ODD, fc.boolean())
    .map(([value, name, odd, removed]) => {
      const { [name]: _, ...rest } = value as Record<string, unknown>;
      return removed ? rest : { ...rest, [name]: odd };
    });
  return fc.oneof(
    { weight: 6, arbitrary: valid.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: fc.constant(JSON.stringify(schema.example)) },
    { weight: 6, arbitrary: broken.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: ODD.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: valid.map((value) => JSON.stringify(value).slice(0, -1)) },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "[".repeat(10_000),
        '{"a":'.repeat(5_000),
        "NaN",
        "01",
        '{"a":1,"a":2}',
        "\ufeff{}",
      ),
    },
  );
}

function addressOf(
  { path, parameters }: Operation,
  values: Readonly<Record<string, unknown>>,
  stray: string | undefined,
): string {
  const text = (value: unknown) =>
    encodeURIComponent((typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed());
  const described = parameters
    .filter((one) => one.in === "query" && values[one.name] !== undefined)
    .map((one) => `${one.name}=${text(values[one.name])}`);
  const query = [...described, ...(stray === undefined ? [] : [`${text(stray)}=x`])].join("&");
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => text(values[name]) || "x");
  return query ? `${filled}?${query}` : filled;
}
