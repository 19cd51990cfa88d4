import { stringifyJson } from "@cairn/core/database/json.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRecords } from "./parse.ts";

const page = (fields: object) => JSON.stringify({ ids: ["a"], ...fields });
const one = (text: string) => parseRecords(Buffer.from(text)).get("a");

test("a response that is cut off anywhere, or followed by other bytes, is rejected", () => {
  const text = page({
    documents: ['a "quoted" \\ text'],
    metadatas: [{ k: [1, "}"], n: null }],
    embeddings: [[0.5, -1e-7]],
    uris: [null],
  });
  expect(one(text)).toMatchObject({ document: 'a "quoted" \\ text' });
  for (let end = 0; end < text.length; end++)
    expect(() => parseRecords(Buffer.from(text.slice(0, end))), text.slice(0, end)).toThrow(SyntaxError);
  expect(() => parseRecords(Buffer.from(`${text}}`))).toThrow(SyntaxError);
  expect(() => parseRecords(Buffer.from(text.replace('"ids":', '"ids" ')))).toThrow(SyntaxError);
});

test.each(["{}", "[]", "null", '"text"', "12", '{"ids":null}', '{"ids":"a"}', '{"error":"InternalError"}'])(
  "%s is rejected as a page of records",
  (text) => {
    expect(() => parseRecords(Buffer.from(text))).toThrow(SyntaxError);
  },
);

test("lists of different lengths are rejected", () => {
  expect(() => parseRecords(Buffer.from('{"ids":["a","b"],"documents":["x"]}'))).toThrow(SyntaxError);
  expect(() => parseRecords(Buffer.from('{"ids":["a"],"embeddings":[]}'))).toThrow(SyntaxError);
});

test("integers over 2^53, and 1.0 next to 1, are preserved in metadata", () => {
  const metadata =
    '{"big":9007199254740993,"negative":-9223372036854775808,"one":1.0,"int":1,"list":[1.0,2],"half":0.5}';
  const record = one(`{"ids":["a"],"metadatas":[${metadata}]}`);
  expect(record?.metadata?.big).toBe(9007199254740993n);
  expect(stringifyJson(record?.metadata)).toBe(metadata);
});

test.each([
  ["white space", '{ "ids": ["a"], "embeddings": [ [0.5, 1] ], "metadatas": [{"one": 1.0, "big": 9007199254740993}] }'],
  [
    "another key of the same name",
    '{"ids":["a"],"metadatas":[{"embeddings":[[7]],"one":1.0,"big":9007199254740993}],"embeddings":[[0.5,1]]}',
  ],
])("a page with %s is parsed without loss", (_, text) => {
  const record = one(text);
  expect(record?.embedding).toEqual(Float32Array.of(0.5, 1));
  expect(record?.metadata?.big).toBe(9007199254740993n);
  expect(stringifyJson(record?.metadata?.one)).toBe("1.0");
});

test("a value of the key embeddings in metadata is kept when the page has no vectors", () => {
  const text = '{"ids":["a"],"embeddings":null,"metadatas":[{"embeddings":[[7]]}]}';
  expect(one(text)?.metadata).toEqual({ embeddings: [[7]] });
});

test("a null element becomes NaN, and a null vector stays null", () => {
  expect(one(page({ embeddings: [[1, null, 3]] }))?.embedding).toEqual(Float32Array.of(1, Number.NaN, 3));
  expect(one(page({ embeddings: [null] }))?.embedding).toBeNull();
  expect(one(page({ embeddings: null }))?.embedding).toBeNull();
});

test("fields that were not requested are null", () => {
  expect(one('{"ids":["a"],"embeddings":null,"documents":null,"uris":null,"metadatas":null,"include":[]}')).toEqual({
    id: "a",
    embedding: null,
    document: null,
    uri: null,
    metadata: null,
  });
});

test("any record is parsed as it was sent, whatever its strings contain", () => {
  const record = fc.record({
    id: fc.string({ unit: "binary" }),
    document: fc.option(fc.string({ unit: "binary" }), { nil: null }),
    uri: fc.option(fc.webUrl(), { nil: null }),
    metadata: fc.option(
      fc.dictionary(
        fc.string().filter((key) => key !== "__proto__"),
        fc.oneof(fc.string(), fc.integer(), fc.boolean()),
      ),
      { nil: null },
    ),
    embedding: fc.option(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), { nil: null }),
  });
  fc.assert(
    fc.property(fc.uniqueArray(record, { selector: ({ id }) => id }), (records) => {
      const text = JSON.stringify({
        ids: records.map(({ id }) => id),
        embeddings: records.map(({ embedding }) => embedding && [...embedding]),
        documents: records.map(({ document }) => document),
        metadatas: records.map(({ metadata }) => metadata),
        uris: records.map(({ uri }) => uri),
      });
      const found = parseRecords(Buffer.from(text));
      expect(
        JSON.stringify([...found.values()].map(({ embedding, ...rest }) => [rest, embedding && [...embedding]])),
      ).toBe(
        JSON.stringify(
          records.map(({ embedding, id, document, uri, metadata }) => [
            { id, document, uri, metadata },
            embedding && [...embedding],
          ]),
        ),
      );
    }),
  );
});

test("vectors are parsed like JSON.parse does, whatever the format of the numbers and the end of the response", () => {
  const digits = fc.integer({ min: 1, max: 20 }).chain((length) => fc.stringMatching(new RegExp(`^\\d{${length}}$`)));
  const number = fc.oneof(
    fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
    fc
      .tuple(fc.constantFrom("", "-"), fc.bigInt({ min: 0n, max: 10n ** 18n }), digits)
      .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}`),
    digits.chain((tail) =>
      fc.constantFrom("1.00000017881393", "16777217.", "0.3333333432674407").map((head) => head + tail),
    ),
    fc.integer({ min: 21, max: 400 }).chain((length) => fc.stringMatching(new RegExp(`^[1-9]\\d{${length}}$`))),
    fc.constantFrom("1.00000017881393432617187499999", "1.00000017881393432617187500001"),
    fc.constantFrom("0.0", "-0.0", "9.999999999999999", "9007199254740993", "1e23", "1E+2", "-0"),
  );
  const vectors = fc.array(fc.array(number, { maxLength: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(vectors, fc.constantFrom("}", ',"documents":null}'), (lists, rest) => {
      const ids = lists.map((_, index) => String(index));
      const embeddings = `[${lists.map((list) => `[${list.join(",")}]`).join(",")}]`;
      const records = parseRecords(Buffer.from(`{"ids":${JSON.stringify(ids)},"embeddings":${embeddings}${rest}`));
      for (const [index, expected] of (JSON.parse(embeddings) as number[][]).entries())
        expect(records.get(String(index))?.embedding).toEqual(Float32Array.from(expected));
    }),
    { numRuns: 2000 },
  );
});

test.each(["[+1.5,2]", "[/1,2]", "[-,2]", "[,2]", "[--1,2]", "[1.5.5,2]", "[1,2", "[ 1, 2 ]", "[1 ,2]", "[0.12x,1]"])(
  "%s is parsed or rejected like JSON.parse does",
  (list) => {
    const text = `{"ids":["a"],"embeddings":[${list}],"documents":null}`;
    let expected: Float32Array | undefined;
    try {
      expected = Float32Array.from(JSON.parse(text).embeddings[0]);
    } catch {}
    if (expected) expect(one(text)?.embedding).toEqual(expected);
    else expect(() => one(text)).toThrow(SyntaxError);
  },
);
