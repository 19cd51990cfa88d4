import fc from "fast-check";
import { expect, test } from "vitest";
import { documentsOf, vector } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import type { JsonObject } from "../database/json.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const { collection, put, read } = documentsOf(testDatabase, tenantId);

test("ids may be any string but empty: NUL, half a surrogate pair, newlines, 5,000 characters, an escape sequence", async () => {
  const name = await collection();
  const ids = [
    "a\0b",
    "\uD800",
    "\uDC00x",
    "two\nlines",
    "x".repeat(5_000),
    `${"x".repeat(4_999)}y`,
    "日本語 🍵",
    " ",
    "\uFFFE0000",
    "'; --",
    "é",
    "e\u0301",
  ];
  const result = await put(name, ...ids.map((id, n) => ({ id, content: `text ${n}` })));
  expect(result.ids).toEqual(ids);
  for (const [n, id] of ids.entries())
    expect(await read(name, id)).toMatchObject([{ id, passages: [{ content: `text ${n}` }] }]);
  await expect(put(name, { id: "", content: "x" })).rejects.toMatchObject({
    code: "invalid_input",
    path: "documents[0].id",
  });
  const { ids: random } = await put(name, { content: "without" }, { content: "an id" });
  expect(new Set(random).size).toBe(2);
});

test("any id, text, URI and metadata are returned unchanged", async () => {
  const name = await collection();
  const text = fc
    .array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\0", "\uD800", "\uFFFE", "0000")))
    .map((parts) => parts.join(""));
  const value = fc.oneof(
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(text, { maxLength: 2 }),
    fc.constant(2n ** 70n),
    fc.constant(1e300),
  );
  const documents = fc
    .sample(
      fc.record({
        id: text.filter((id) => id !== ""),
        content: text,
        uri: text,
        metadata: fc.dictionary(text, value, { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
      }),
      { numRuns: 150, seed: 5 },
    )
    .map((document) => ({ ...document, embedding: vector(1, 2, 3, 4) }));
  await put(name, ...documents);
  const last = new Map(documents.map((document) => [document.id, document]));
  const back = await read(name, ...last.keys());
  expect(back.length).toBe(last.size);
  for (const { id, uri, metadata, passages } of back)
    expect({ id, uri, metadata, content: passages[0]?.content }).toEqual({
      ...last.get(id),
      embedding: undefined,
    });
});

test("metadata keeps bigints, lists, nested objects, NUL in keys and values, and __proto__", async () => {
  const name = await collection();
  const metadata = JSON.parse(
    '{"__proto__": {"polluted": true}, "list": [1, "two", [3]], "nested": {"a": {"b": null}}, "empty": {}}',
  );
  Object.assign(metadata, { big: 2n ** 64n, "k\0": "v\0", half: "\uD83D", huge: 1e300, small: 5e-324 });
  await put(name, { id: "m", content: "m", metadata });
  const [document] = await read(name, "m");
  expect(document?.metadata).toEqual(metadata);
  expect(Object.keys(document?.metadata ?? {})).toContain("__proto__");
});

test("a text of a megabyte with a vector is stored as one passage", async () => {
  const name = await collection();
  await put(name, { id: "big", content: "x".repeat(1_000_000), embedding: vector(1, 0, 0, 0) });
  expect((await read(name, "big"))[0]?.passages[0]?.content).toHaveLength(1_000_000);
});
