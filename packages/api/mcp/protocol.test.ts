import type { Database } from "@cairn/core/database/database.ts";
import { expect, test } from "vitest";
import { createTestApi, serveTestApi, useTestApi } from "../../../test/support/api.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { FILLED, SEARCH } from "../../../test/support/mcp.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
const server = useServer(() => serveTestApi(api));

test.each(["GET", "DELETE", "PUT"])("%s is answered 405 with Allow", async (method) => {
  const { key } = await api.addTenant();
  const refused = await api.call(method, "/mcp", { key, headers: { Accept: "text/event-stream" } });
  expect(refused).toMatchObject({ status: 405, body: { code: "method_not_allowed", status: 405 } });
  expect(refused.headers.get("Allow")).toBe("POST");
  expect(refused.headers.get("Content-Type")).toBe("application/problem+json");
});

const MCP_MESSAGE = { jsonrpc: "2.0", id: 1, method: "tools/list" };

test.each([
  ["nothing explicitly", undefined],
  ["application/json", "application/json"],
  ["anything", "*/*"],
  ["any application type", "application/*;q=0.9"],
  ["JSON among others", "text/html, application/json;q=0.5"],
  ["both, as the protocol requires", "application/json, text/event-stream"],
])("a client that accepts %s is answered with JSON", async (_, accept) => {
  const { key } = await api.addTenant();
  const answer = await fetch(`${server.url}/mcp`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      ...(accept === undefined ? {} : { Accept: accept }),
    },
    body: JSON.stringify(MCP_MESSAGE),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toContain("application/json");
  expect(((await answer.json()) as { result: { tools: unknown[] } }).result.tools).toHaveLength(2);
});

test("a client without an Accept header is answered", async () => {
  const { key } = await api.addTenant();
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const body = JSON.stringify(MCP_MESSAGE);
  expect((await api.app.request("/mcp", { method: "POST", headers, body })).status).toBe(200);
});

test.each(["text/html", "application/json;q=0, text/html"])(
  "a client that does not accept JSON (%s) is answered 406",
  async (accept) => {
    const { key } = await api.addTenant();
    const refused = await api.call("POST", "/mcp", { key, body: MCP_MESSAGE, headers: { Accept: accept } });
    expect(refused.status).toBe(406);
  },
);

test("invalid JSON is refused with the error of the protocol", async () => {
  const { key } = await api.addTenant();
  const refused = await api.call("POST", "/mcp", {
    key,
    raw: "{",
    headers: { "Content-Type": "application/json" },
  });
  expect(refused).toMatchObject({ status: 400, body: { error: { code: -32700 } } });
});

const batchOf = (length: number, message: object = MCP_MESSAGE) =>
  Array.from({ length }, (_, id) => ({ ...message, id }));

test("each message of a batch counts as a request, and a batch that is too long is refused", async () => {
  const limited = await createTestApi(testDatabase.database, { requestsPerMinute: 25 });
  const { key } = await limited.addTenant();
  const send = (length: number) => limited.call("POST", "/mcp", { key, body: batchOf(length) });
  const first = await send(20);
  expect(first.status).toBe(200);
  expect(first.headers.get("RateLimit-Remaining")).toBe("5");
  expect(await send(10)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  const { key: other } = await limited.addTenant();
  const long = await limited.call("POST", "/mcp", { key: other, body: batchOf(21) });
  expect(long).toMatchObject({ status: 400, body: { code: "invalid_input", path: "body" } });
  expect(long.body.detail).toContain("20");
});

test("the calls of a batch run one after the other", async () => {
  let concurrent = 0;
  let maxConcurrent = 0;
  const counted: Database = {
    ...testDatabase.database,
    async read(...args) {
      maxConcurrent = Math.max(maxConcurrent, ++concurrent);
      await new Promise((resolve) => setTimeout(resolve, 10));
      return testDatabase.database.read(...args).finally(() => concurrent--);
    },
  };
  const countingApi = await createTestApi(counted);
  const { key } = await countingApi.addTenant();
  await countingApi.call("POST", "/v1/documents", { key, body: FILLED });
  const call = { jsonrpc: "2.0", method: "tools/call", params: SEARCH };
  const { status, body } = await countingApi.call("POST", "/mcp", { key, body: batchOf(10, call) });
  expect(status).toBe(200);
  expect(body).toHaveLength(10);
  for (const { result } of body) expect(result.structuredContent.results).toHaveLength(2);
  expect(maxConcurrent).toBe(1);
});
