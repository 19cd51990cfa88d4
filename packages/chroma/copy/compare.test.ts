import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import { decodeJson, encodeJson, type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import type { Row } from "@cairn/core/document/document.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareRows, compareVectors, TOLERANCE } from "./compare.ts";
import type { StoredRow } from "./stored.ts";

const COPIED = { vectors: "copy", metric: "cosine" } as const;
const EMBEDDED = { vectors: "embed", metric: "cosine" } as const;

const row: Row = {
  id: "a",
  chunk: 0,
  content: "text",
  embedding: Float32Array.of(1, 2),
  metadata: { k: 1 },
  uri: null,
};
const stored: StoredRow = {
  content: "text",
  embedding: Float32Array.of(1, 2),
  metadata: { k: 1 },
  uri: null,
  origin: null,
};

test.each<[string, Partial<StoredRow>, Partial<Row>, object | undefined]>([
  ["no difference", {}, {}, undefined],
  [
    "another text",
    { content: "tent" },
    {},
    { kind: "content", detail: "The texts differ from character 2 on (4 characters in Chroma, 4 in Cairn)." },
  ],
  [
    "no text where there is one",
    { content: null },
    {},
    { kind: "content", detail: "The text is missing in Cairn only." },
  ],
  ["an empty text where there is none", { content: "" }, { content: null }, { kind: "content" }],
  [
    "a number that became a string",
    { metadata: { k: "1" } },
    {},
    { kind: "metadata", detail: 'Metadata differs at "k".' },
  ],
  ["an additional key", { metadata: { k: 1, l: true } }, {}, { kind: "metadata", detail: 'Metadata differs at "l".' }],
  ["a URI", { uri: "s3://x" }, {}, { kind: "uri" }],
  [
    "another text, other metadata and another vector: all three are named",
    { content: "tent", metadata: { k: 2 }, embedding: null },
    {},
    {
      kind: "content",
      detail:
        'The texts differ from character 2 on (4 characters in Chroma, 4 in Cairn). Metadata differs at "k". The vector is missing in Cairn only.',
    },
  ],
  ["no vector", { embedding: null }, {}, { kind: "vector", detail: "The vector is missing in Cairn only." }],
  [
    "a vector that should not be there",
    {},
    { embedding: null },
    { kind: "vector", detail: "The vector is missing in Chroma only." },
  ],
  [
    "a vector with other dimensions",
    { embedding: Float32Array.of(1, 2, 3) },
    {},
    { kind: "vector", detail: "The vector has 2 dimensions in Chroma and 3 in Cairn." },
  ],
  [
    "a vector beyond the tolerance",
    { embedding: Float32Array.of(1, 2.001) },
    {},
    { kind: "vector", detail: expect.stringMatching(/by up to 5\.00e-4/) },
  ],
  ["a vector within the tolerance", { embedding: Float32Array.of(1.000005, 2) }, {}, undefined],
])("%s", (_name, storedChange, rowChange, expected) => {
  const found = compareRows([{ ...row, ...rowChange }], [{ ...stored, ...storedChange }], COPIED);
  if (expected) expect(found).toMatchObject(expected);
  else expect(found).toBeUndefined();
});

test("only cosine vectors may differ by rounding: for l2 and ip every bit counts", () => {
  const near = { ...stored, embedding: Float32Array.of(1.000005, 2) };
  for (const metric of ["l2", "ip"] as const)
    expect(compareRows([row], [near], { vectors: "copy", metric })).toMatchObject({ kind: "vector" });
  expect(compareRows([row], [near], COPIED)).toBeUndefined();
});

test("a missing record and a different number of passages are reported", () => {
  expect(compareRows([row], [], COPIED)).toMatchObject({ kind: "missing" });
  expect(compareRows([row], [stored, stored], COPIED)).toEqual({
    kind: "content",
    detail: "The record has 2 passages instead of 1.",
  });
});

test("if texts are embedded again, a text must have a vector, and the vectors are not compared", () => {
  const other = { ...stored, embedding: Float32Array.of(9, 9, 9) };
  expect(compareRows([row], [other], EMBEDDED)).toBeUndefined();
  expect(compareRows([row], [{ ...stored, embedding: null }], EMBEDDED)).toMatchObject({ kind: "vector" });
  expect(
    compareRows([{ ...row, content: " " }], [{ ...stored, content: " ", embedding: null }], EMBEDDED),
  ).toBeUndefined();
});

test("compareVectors() compares equal, close, distant, NaN and differently sized vectors", () => {
  const vector = Float32Array.of(0.1, -3);
  expect(compareVectors(vector, Float32Array.from(vector))).toEqual({ largest: 0, exact: true });
  expect(compareVectors(Float32Array.of(0), Float32Array.of(-0))).toEqual({ largest: 0, exact: false });
  expect(compareVectors(Float32Array.of(1e6), Float32Array.of(1e6 + 1)).largest).toBeLessThan(TOLERANCE);
  expect(compareVectors(Float32Array.of(1e-6), Float32Array.of(2e-6)).largest).toBeLessThan(TOLERANCE);
  expect(compareVectors(vector, Float32Array.of(0.1, Number.NaN)).largest).toBe(Number.POSITIVE_INFINITY);
  expect(compareVectors(Float32Array.of(Number.NaN, 1), Float32Array.of(5, 1)).largest).toBe(Number.POSITIVE_INFINITY);
  expect(compareVectors(vector, Float32Array.of(0.1)).largest).toBe(Number.POSITIVE_INFINITY);
  expect(compareVectors(vector, null)).toEqual({ largest: Number.POSITIVE_INFINITY, exact: false });
  expect(compareVectors(null, null)).toEqual({ largest: 0, exact: true });
});

test('canonical JSON does not depend on the order of keys, and distinguishes 1 from 1.0, true and "1"', () => {
  expect(canonicalJson({ b: [1, { y: 2, x: null }], a: "é" })).toBe('{"a":"é","b":[1,{"x":null,"y":2}]}');
  const values = ["1", "1.0", "true", '"1"', "[1]", "9007199254740993", "9007199254740992"].map((text) =>
    canonicalJson(parseExactJson(text)),
  );
  expect(new Set(values).size).toBe(values.length);
  expect(canonicalJson(parseExactJson("1e2"))).toBe(canonicalJson(parseExactJson("100.0")));
});

test("any metadata has the same canonical JSON after it was encoded for Postgres and decoded", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e15, min: -1e15 }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), value), (metadata) => {
      const exact = parseExactJson(encodeText(metadata)) as JsonObject;
      expect(canonicalJson(decodeJson(encodeJson(exact), parseExactJson))).toBe(canonicalJson(exact));
    }),
  );
});

function encodeText(value: object): string {
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" ? JSON.rawJSON(item.toString()) : item));
}
