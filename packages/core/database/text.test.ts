import { sql } from "drizzle-orm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import {
  decodeJson,
  encodeJson,
  type JsonObject,
  type JsonValue,
  parseExactJson,
  parseJson,
  stringifyJson,
} from "./json.ts";
import { selectRows } from "./rows.ts";
import { decodeText, encodeText } from "./text.ts";

const own = useTestDatabase();

/** Any UTF-16 code units, often NUL, halves of surrogate pairs and the escape character. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\0",
        "\uD800",
        "\uDBFF",
        "\uDC00",
        "\uDFFF",
        "\uFFFE",
        "\uFFFF",
        "\uFFFE0000",
        "0000",
        "d83d",
        "\\u0000",
        "😀",
        "é",
      ),
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

const number = fc
  .oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0), // JSON has no −0
    fc.maxSafeInteger(),
  )
  .map((value) => (Object.is(value, -0) ? 0 : value));
const bigint = fc
  .bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
  .filter((value) => !Number.isSafeInteger(Number(value)));

const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    number,
    bigint,
    anyText,
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(anyText, tie("json"), { maxKeys: 3 }),
  ),
}));
const object = fc.dictionary(anyText, json, { maxKeys: 4 }) as fc.Arbitrary<JsonObject>;

test("decodeText(encodeText()) returns every string unchanged, and Postgres can store the encoded text", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const stored = encodeText(text);
      expect(stored.isWellFormed() && !stored.includes("\0")).toBe(true);
      expect(decodeText(stored)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test("encodeText() does not change ordinary text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      fc.pre(!/[\0\uFFFE]/.test(text));
      expect(encodeText(text)).toBe(text);
    }),
  );
});

test("different strings have different encodings", () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      expect(encodeText(a) === encodeText(b)).toBe(a === b);
    }),
    { numRuns: 2_000 },
  );
});

test("decodeJson(encodeJson()) returns every object unchanged: any keys and strings, integers of any size, and other numbers", () => {
  fc.assert(
    fc.property(object, (value) => {
      expect(decodeJson(encodeJson(value))).toEqual(value);
    }),
    { numRuns: 1_000 },
  );
});

test("parseJson(stringifyJson()) keeps every digit of integers beyond 2^53", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(bigint, fc.integer(), anyText)), (values) => {
      expect(parseJson(stringifyJson(values))).toEqual(values);
    }),
  );
  expect(parseJson('{"a": 9007199254740993, "b": [-18446744073709551616], "c": 0.30000000000000004}')).toEqual({
    a: 9007199254740993n,
    b: [-18446744073709551616n],
    c: 0.30000000000000004,
  });
});

test("parseExactJson() keeps 1.0 distinct from 1, also with large integers and exponents in the same text", () => {
  const back = (text: string) => stringifyJson(parseExactJson(text));
  expect(back('{"a":1.0,"b":1,"c":[-2.0,1.5],"d":9007199254740993,"e":1.00}')).toBe(
    '{"a":1.0,"b":1,"c":[-2.0,1.5],"d":9007199254740993,"e":1.0}',
  );
  expect(back("[1e2,1E2,1e-2,2.50]")).toBe("[100.0,100.0,0.01,2.5]");
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = Number.isInteger(value) ? `${BigInt(value)}.0` : String(value);
      expect(Number(back(text))).toBe(value + 0);
      expect(/[.e]/.test(back(text))).toBe(true);
      expect(back(back(text))).toBe(back(text));
    }),
  );
});

test("Postgres columns of type text and jsonb return every encoded string and object unchanged", async () => {
  const texts = fc.sample(anyText, { numRuns: 400, seed: 1 });
  const objects = fc.sample(object, { numRuns: 400, seed: 2 });
  const rows = await own.database.transaction(({ orm }) =>
    selectRows<{ t: string; j: string }>(
      orm,
      sql`SELECT t, j::jsonb::text AS j
          FROM unnest(${sql.param(texts.map(encodeText))}::text[], ${sql.param(objects.map(encodeJson))}::text[])
            WITH ORDINALITY AS x (t, j, n) ORDER BY n`,
    ),
  );
  expect(rows.map(({ t }) => decodeText(t))).toEqual(texts);
  expect(rows.map(({ j }) => decodeJson(j))).toEqual(objects);
});

test("copied metadata stays exact in jsonb: 1.0 is not 1, and no digit is lost", async () => {
  const text = '{"one": 1, "big": 9007199254740993, "float": 1.0, "half": 0.5, "nested": [1, 1.0, [2.0]]}';
  const stored = encodeJson(parseExactJson(text) as JsonObject);
  const [row] = await own.database.transaction(({ orm }) =>
    selectRows<{ j: string }>(orm, sql`SELECT ${stored}::jsonb::text AS j`),
  );
  expect(stringifyJson(decodeJson(row?.j as string, parseExactJson))).toBe(
    stringifyJson(parseExactJson(row?.j as string)),
  );
  expect(row?.j).toContain('"float": 1.0');
  expect(row?.j).toContain('"nested": [1, 1.0, [2.0]]');
});
