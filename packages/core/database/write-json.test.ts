import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeJson, type JsonObject, stringifyJson } from "./json.ts";
import { encodeLargeJson, isShortJson, writeLargeJson } from "./write-json.ts";

const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();

const LONG = 'é\n"😀\\'.repeat(30_000);

test.each([
  [{}],
  [{ documents: [], next: null }],
  [{ next: undefined, documents: [{ a: undefined, b: 1n << 70n, c: "é\n", d: [1, [2, [3]]] }] }],
  [{ hits: [], results: [[], [{ id: "x", distance: 1e300 }], [{ id: "y" }, { id: "z" }]] }],
  [{ odd: [undefined, null, Number.NaN], "a key": { nested: [{}] } }],
  [{ long: LONG, [LONG]: { list: [LONG, undefined, { not: undefined, text: `x${LONG}` }, [], {}] } }],
  [{ none: undefined, list: Array(20_000).fill({ a: [1n], b: undefined }) }],
])("encodeLargeJson() writes the same text as stringifyJson()", async (body) => {
  expect(decode(await encodeLargeJson(body))).toBe(stringifyJson(body));
});

test("writeLargeJson() writes the same text as encodeJson(), also where a string is split", async () => {
  const unit = fc.constantFrom("\0", "\uD800", "\uDC00", "😀", "\uFFFE", "a", '"', "\\");
  const long = fc.array(unit, { minLength: 1, maxLength: 9 }).map((units) => units.join("").repeat(9_000));
  await fc.assert(
    fc.asyncProperty(long, async (text) => {
      const value: JsonObject = { text, list: [text.slice(1), 1n << 64n] };
      expect(await writeLargeJson(value)).toBe(encodeJson(value));
    }),
    { numRuns: 10 },
  );
});

test("isShortJson() distinguishes short from long values", () => {
  expect(isShortJson({ hits: [{ id: "a", content: "x".repeat(60_000) }] })).toBe(true);
  expect(isShortJson({ hits: [{ id: "a", content: "x".repeat(66_000) }] })).toBe(false);
  expect(isShortJson(Array(10_000).fill(1))).toBe(false);
  expect(isShortJson({ ["x".repeat(70_000)]: 1 })).toBe(false);
});

test.each([
  ["hits", { results: Array.from({ length: 50 }, () => Array(400).fill({ content: "x".repeat(2_000) })) }],
  ["one text", { content: "x".repeat(40_000_000) }],
])("other work runs while a long response of %s is written", async (_, body) => {
  let iterations = 0;
  let isWriting = true;
  const count = () => {
    iterations++;
    if (isWriting) setImmediate(count);
  };
  setImmediate(count);
  const bytes = await encodeLargeJson(body);
  isWriting = false;
  expect(bytes.length).toBeGreaterThan(40_000_000);
  expect(iterations).toBeGreaterThan(500);
});
