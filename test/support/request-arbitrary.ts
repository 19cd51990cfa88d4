import fc from "fast-check";
import type { ApiDescription, JsonSchema, Operation } from "./openapi.ts";

/** Values that a schema accepts, generated from the schema. */
function validValue(schema: JsonSchema, resolve: ApiDescription["resolve"]): fc.Arbitrary<unknown> {
  const resolved = resolve(schema);
  if (resolved.enum) return fc.constantFrom(...resolved.enum);
  if (resolved.anyOf) return fc.oneof(...resolved.anyOf.map((option) => validValue(option, resolve)));
  const type = Array.isArray(resolved.type) ? (resolved.type.find((type) => type !== "null") as string) : resolved.type;
  if (type === "object") return validObject(resolved, resolve);
  if (type === "array")
    return fc.array(validValue(resolved.items ?? {}, resolve), {
      minLength: resolved.minItems ?? 0,
      maxLength: Math.min(resolved.maxItems ?? 4, (resolved.minItems ?? 0) + 3),
    });
  if (type === "integer")
    return fc.integer({
      min: resolved.minimum ?? -1_000,
      max: Math.min(resolved.maximum ?? 1_000, (resolved.minimum ?? 0) + 2_000),
    });
  if (type === "number") return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  if (type === "boolean") return fc.boolean();
  if (type === "string") return validString(resolved);
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

function validString({ format, minLength = 0, maxLength = 40, example }: JsonSchema): fc.Arbitrary<string> {
  if (format === "uuid") return fc.uuid();
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date("2027-01-01"), max: new Date("2100-01-01") })
      .map((date) => date.toISOString());
  const cappedLength = Math.min(maxLength, 40);
  return fc.oneof(
    ...(typeof example === "string" ? [fc.constant(example)] : []),
    fc.constantFrom("knowledge", "returns", "a kettle in Kiel").filter((text) => text.length >= minLength),
    fc.string({ minLength, maxLength: cappedLength, unit: "binary" }),
    fc.string({ minLength, maxLength: cappedLength }),
  );
}

/** Values that no schema, or only some schemas, accept. */
const INVALID = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, 2 ** 53, "", "\u0000", "\ud800", "x".repeat(5_000), [], {}, [
    [[[]]],
  ]),
  fc.constantFrom<unknown>("'; DROP TABLE cairn.documents; --", "../../etc/passwd", "%00", "{{7*7}}", "<script>", "$1"),
  fc.jsonValue(),
);

/** A generated request: valid by the description, or invalid in a typical way. */
export interface GeneratedRequest {
  readonly operation: Operation;
  readonly path: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** A query parameter that the operation does not describe. */
  readonly undescribed: string | undefined;
}

const UNDESCRIBED = ["colection", "Limit", "filter[topic]", "unknown", "__proto__", "constructor"];

/** Values of a path parameter for which a resource exists. */
export type ExistingIds = (operation: Operation, parameter: string) => readonly string[];

export function requestArbitrary(
  { operations, resolve }: ApiDescription,
  existingIds: ExistingIds,
): fc.Arbitrary<GeneratedRequest> {
  return fc.constantFrom(...operations).chain((operation) =>
    fc
      .record({
        parameters: fc.record(
          Object.fromEntries(
            operation.parameters
              .filter((parameter) => parameter.in !== "header")
              .map((parameter) => [
                parameter.name,
                fc.oneof(
                  ...(parameter.in === "path"
                    ? [{ weight: 8, arbitrary: fc.constantFrom(...existingIds(operation, parameter.name)) }]
                    : []),
                  { weight: 4, arbitrary: validValue(parameter.schema, resolve) },
                  { weight: 1, arbitrary: INVALID },
                  {
                    weight: parameter.required ? 0 : 4,
                    arbitrary: fc.constant(undefined),
                  },
                ),
              ]),
          ),
        ),
        body: generateBody(operation, resolve),
        undescribed: fc.oneof(
          { weight: 15, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom(...UNDESCRIBED) },
        ),
        key: fc.oneof(
          { weight: 6, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.string() },
          { weight: 1, arbitrary: fc.uuid() },
        ),
        type: fc.oneof(
          { weight: 30, arbitrary: fc.constant(operation.takesFiles ? FORM_TYPE : "application/json") },
          { weight: 1, arbitrary: fc.constantFrom("text/plain", "application/xml", "application/jsonp", "") },
        ),
      })
      .map(({ parameters, body, undescribed, key, type }) => ({
        operation,
        path: pathOf(operation, parameters, undescribed),
        body,
        undescribed,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": type }),
          ...(key === undefined || !/^[\x20-\x7e]*$/.test(key) ? {} : { "Idempotency-Key": key }),
        },
      })),
  );
}

function generateBody(
  { body, takesFiles }: Operation,
  resolve: ApiDescription["resolve"],
): fc.Arbitrary<string | undefined> {
  if (takesFiles) return formArbitrary();
  return body ? bodyArbitrary(body, resolve) : fc.constant(undefined);
}

const FORM_TYPE = "multipart/form-data; boundary=part";

/** Forms with files and fields, and texts that are none. */
function formArbitrary(): fc.Arbitrary<string> {
  const name = fc.oneof(
    fc.constantFrom("a.txt", "b.md", "c.csv", "d.json", "e.pdf", "f.docx", "g.xlsx", ""),
    fc.string(),
  );
  const content = fc.oneof(
    fc.constantFrom(
      "Nine to five.",
      "---\na: 1\n---\n# H",
      "id,content\n1,x",
      '[{"content": "x"}]',
      "%PDF-1.7",
      "PK\u0003\u0004",
    ),
    fc.string(),
  );
  const quoted = (text: string) => text.replaceAll(/["\r\n]/g, "_");
  const file = fc
    .tuple(name, content)
    .map(
      ([name, content]) => `Content-Disposition: form-data; name="file"; filename="${quoted(name)}"\r\n\r\n${content}`,
    );
  const field = fc
    .tuple(
      fc.constantFrom("collection", "metadata", "max_tokens", "overlap", "file", "unknown", "__proto__"),
      fc.oneof(fc.constantFrom("knowledge", '{"a": 1}', "100", "20"), fc.string()),
    )
    .map(([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`);
  const form = (...parts: readonly fc.Arbitrary<string>[]) =>
    fc
      .array(fc.oneof(...parts), { maxLength: 4 })
      .map((all) => `${all.map((part) => `--part\r\n${part}\r\n`).join("")}--part--\r\n`);
  return fc.oneof(
    { weight: 6, arbitrary: form(file) },
    { weight: 4, arbitrary: form(file, field) },
    { weight: 1, arbitrary: form(file).map((text) => text.slice(0, -9)) },
    { weight: 1, arbitrary: fc.string() },
  );
}

function bodyArbitrary(schema: JsonSchema, resolve: ApiDescription["resolve"]): fc.Arbitrary<string> {
  const valid = validValue(schema, resolve);
  const names = Object.keys(schema.properties ?? {});
  const invalid = fc
    .tuple(valid, fc.constantFrom(...names, "unknown", "__proto__", "constructor"), INVALID, fc.boolean())
    .map(([value, name, replacement, removed]) => {
      const { [name]: _, ...rest } = (value ?? {}) as Record<string, unknown>;
      return removed ? rest : { ...rest, [name]: replacement };
    });
  return fc.oneof(
    { weight: 6, arbitrary: valid.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: fc.constant(JSON.stringify(schema.example)) },
    { weight: 6, arbitrary: invalid.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: INVALID.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: valid.map((value) => JSON.stringify(value).slice(0, -1)) },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc.constantFrom("[".repeat(10_000), '{"a":'.repeat(5_000), "NaN", "01", '{"a":1,"a":2}', "\ufeff{}"),
    },
  );
}

function pathOf(
  { path, parameters }: Operation,
  values: Readonly<Record<string, unknown>>,
  undescribed: string | undefined,
): string {
  const text = (value: unknown) =>
    encodeURIComponent((typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed());
  const described = parameters
    .filter(({ name, in: place }) => place === "query" && values[name] !== undefined)
    .map(({ name }) => `${name}=${text(values[name])}`);
  const query = [...described, ...(undescribed === undefined ? [] : [`${text(undescribed)}=x`])].join("&");
  // An empty segment, "." or ".." leads to another route.
  const segment = (value: unknown) => text(value).replace(/^\.{0,2}$/, "x");
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => segment(values[name]));
  return query ? `${filled}?${query}` : filled;
}
