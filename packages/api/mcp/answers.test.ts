import { beforeAll, expect, test } from "vitest";
import { createTestApi, useTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";

const MAX_RESPONSE = 60_000;

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ maxResponse: MAX_RESPONSE }));
let key: string;
beforeAll(async () => {
  ({ key } = await api.addTenant());
  const text = (bytes: number) => "kettle ".repeat(bytes / 7);
  const documents = [
    { id: "small", content: text(10_000), embedding: [1, 0, 0] },
    { id: "half", content: text(35_000), embedding: [0, 1, 0] },
  ];
  await api.call("POST", "/v1/collections", { key, body: { name: "large", dimensions: 3 } });
  await api.call("POST", "/v1/documents", { key, body: { collection: "large", documents } });
  const raw = `{"documents": [
    {"id": "exact", "content": "a spoon", "metadata": {"n": 12345678901234567890, "__proto__": 1}},
    {"id": "next", "content": "a spoon", "metadata": {"n": 12345678901234567891}}]}`;
  await api.call("POST", "/v1/documents", { key, raw, headers: { "Content-Type": "application/json" } });
});

const send = (raw: string) => api.call("POST", "/mcp", { key, raw, headers: { "Content-Type": "application/json" } });
const call = (id: number, name: string, args: string) =>
  `{"jsonrpc": "2.0", "id": ${id}, "method": "tools/call", "params": {"name": "${name}", "arguments": ${args}}}`;
const fetchOf = (id: number, document: string) => call(id, "fetch", `{"id": "large/${document}"}`);

test("fetch respects the size limit of a response and counts each copy of a text", async () => {
  const small = await send(fetchOf(1, "small"));
  expect(small.body.result.structuredContent.text).toHaveLength(9_996);
  const refused = await send(fetchOf(1, "half"));
  expect(refused.body.result).toMatchObject({ isError: true });
  expect(refused.body.result.content[0].text).toMatch(
    /^response_too_large: .*"half".*Use search to read single passages/,
  );
});

test("the calls of a batch share the size limit of one response", async () => {
  const batch = Array.from({ length: 10 }, (_, id) => fetchOf(id, "small"));
  const { status, text, body } = await send(`[${batch.join()}]`);
  expect(status).toBe(200);
  expect(text.length).toBeLessThan(MAX_RESPONSE + 10_000);
  const errors = (body as { result: { isError?: boolean } }[]).filter(({ result }) => result.isError);
  expect([body.length, errors.length]).toEqual([10, 8]);
});

test("the search tool respects the size limit of a response", async () => {
  const args = '{"query": "kettle", "collection": "large", "query_embedding": [0, 1, 0], "top_k": 2}';
  const found = await send(call(1, "search", args));
  expect(found.body.result.content[0].text).toMatch(/^response_too_large/);
  const small = await createTestApi(testDatabase.database, { maxResponse: 20_000 });
  const headers = { "Content-Type": "application/json" };
  const refused = await small.call("POST", "/v1/tools/search", { key, raw: args, headers });
  expect(refused).toMatchObject({ status: 413, body: { code: "response_too_large" } });
});

test("integers beyond 2^53 are exact in arguments and results", async () => {
  const args = '{"query": "spoon", "filter": {"n": 12345678901234567890}}';
  const found = await send(call(1, "search", args));
  expect(found.body.result.structuredContent.results).toHaveLength(1);
  const fetched = await send(call(1, "fetch", '{"id": "knowledge/exact"}'));
  for (const { text } of [found, fetched]) {
    expect(text).toMatch(/"metadata":\{[^}]*"n":12345678901234567890[,}]/); // as an object
    expect(text).toMatch(/\\"metadata\\":\{[^}]*\\"n\\":12345678901234567890[,}]/); // as text
    expect(text).toMatch(/[^\\]"__proto__":1[,}]/);
  }
});

test("a number of thousands of digits is refused before it is parsed", async () => {
  const refused = await send(call(1, "search", `{"query": "x", "filter": {"n": ${"9".repeat(5_000)}}}`));
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input" } });
});
