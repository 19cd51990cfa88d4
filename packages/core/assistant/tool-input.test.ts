import { expect, test } from "vitest";
import * as z from "zod";
import { parseSearchInput } from "./search-tool.ts";
import { parseArguments } from "./tool-input.ts";

const FILTER = { topic: "x", price: { $lt: 20 } };

test.each<readonly [input: unknown, read: object]>([
  [{ query: "kettle" }, { query: "kettle" }],
  ['{"query": "kettle", "top_k": 3}', { query: "kettle", top_k: 3 }],
  [JSON.stringify('{"query": "kettle"}'), { query: "kettle" }],
  [
    { query: "kettle", top_k: "5" },
    { query: "kettle", top_k: 5 },
  ],
  [
    { query: "kettle", top_k: " 5.0 " },
    { query: "kettle", top_k: 5 },
  ],
  [{ query: 42 }, { query: "42" }],
  [{ query: "5" }, { query: "5" }],
  [{ query: "null" }, { query: "null" }],
  [
    { query: "kettle", filter: JSON.stringify(FILTER) },
    { query: "kettle", filter: FILTER },
  ],
  [
    { query: "kettle", query_embedding: "[0.5, 1]" },
    { query: "kettle", query_embedding: [0.5, 1] },
  ],
  [{ name: "search", arguments: '{"query": "kettle"}' }, { query: "kettle" }],
  [{ arguments: { query: "kettle", top_k: null } }, { query: "kettle" }],
  ...[null, "", "{}", "null", "  ", [], {}].map(
    (filter) => [{ query: "kettle", filter }, { query: "kettle" }] as const,
  ),
  ...[null, "", "null"].map((top_k) => [{ query: "kettle", top_k }, { query: "kettle" }] as const),
  [{ query: "kettle", collection: null, query_embedding: [], other: null }, { query: "kettle" }],
  [{ query: "kettle", collection: "" }, { query: "kettle" }],
])("%j is read", (input, read) => expect(parseSearchInput(input)).toEqual(read));

test("integers beyond 2^53 in stringified JSON stay exact", () => {
  expect(parseSearchInput('{"query": "x", "filter": "{\\"n\\": 9007199254740993}"}').filter).toEqual({
    n: 9007199254740993n,
  });
});

test.each<readonly [input: unknown, path: string]>([
  [{}, "query"],
  [null, "query"],
  ["{half", "search"],
  [[], "search"],
  [{ query: "" }, "query"],
  [{ query: { text: "x" } }, "query"],
  [{ query: "x", top_k: "many" }, "top_k"],
  [{ query: "x", top_k: 1.5 }, "top_k"],
  [{ query: "x", top_k: "500" }, "top_k"],
  [{ query: "x", filter: "topic is x" }, "filter"],
  [{ query: "x", filter: ["topic"] }, "filter"],
  [{ query: "x", topk: 3 }, "search"],
])("%j is rejected with a hint", (input, path) => {
  expect(() => parseSearchInput(input)).toThrow(
    expect.objectContaining({
      code: "invalid_input",
      path,
      message: expect.stringMatching(/query \(string\).*top_k \(number, optional\).*filter \(object, optional\)/),
    }),
  );
});

test("enums are case-insensitive, and booleans may be words", () => {
  const schema = z.strictObject({
    mode: z.enum(["vector", "hybrid"]).optional(),
    exact: z.boolean().default(false),
  });
  const read = (input: unknown) => parseArguments("search", schema, input);
  expect(read({ mode: "Hybrid", exact: "True" })).toEqual({ mode: "hybrid", exact: true });
  expect(read({ mode: "none" })).toEqual({ exact: false });
  expect(() => read({ mode: "fuzzy" })).toThrow(/mode.*"vector" or "hybrid"/);
});

test("a filter condition on the key __proto__ is kept", () => {
  const filter = '{"__proto__": {"$eq": "x"}, "$and": [{"__proto__": 1}, {"a": 2}]}';
  for (const input of [`{"query": "x", "filter": ${filter}}`, { query: "x", filter }])
    expect(JSON.stringify(parseSearchInput(input).filter)).toBe(JSON.stringify(JSON.parse(filter)));
});
