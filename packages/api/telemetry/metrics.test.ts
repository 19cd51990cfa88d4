import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { captureLog, question, useImpatientChat } from "../../../test/support/telemetry.ts";
import { createMetrics } from "./metrics.ts";

const CANARY = "canary-9b1f3c";

const testDatabase = useTestDatabase();
const { chat, chatModel } = useImpatientChat();

test("tokens of the chat model are counted, streamed or not, separately from embedding tokens", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, {
    log,
    metrics: createMetrics(),
    chatModel: chatModel(),
  });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  for (const stream of [false, true]) {
    chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
    await api.call("POST", "/v1/chat", { key, body: question("words", stream) });
  }
  await api.call("POST", "/v1/query", { key, body: { query: "words" } });
  const [unstreamed, streamed, query] = lines.map((line) => JSON.parse(line));
  for (const record of [unstreamed, streamed])
    expect(record).toMatchObject({ route: "/v1/chat", input_tokens: 200, output_tokens: 20 });
  expect(query).not.toHaveProperty("input_tokens");
  const { text } = await api.call("GET", "/metrics");
  expect(text).toContain('cairn_chat_tokens_total{type="input"} 400');
  expect(text).toContain('cairn_chat_tokens_total{type="output"} 40');
});

test("metrics have the route and status as labels, and no input of a caller", async () => {
  const api = await createTestApi(testDatabase.database, { metrics: createMetrics() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  for (const n of [1, 2, 3]) await api.call("GET", `/v1/documents/missing-${n}`, { key });
  await api.call("GET", `/no/such/${CANARY}`);
  const { text, headers } = await api.call("GET", "/metrics");
  expect(headers.get("Content-Type")).toContain("text/plain");
  expect(text).toContain('cairn_request_seconds_count{method="GET",route="/v1/documents/:document",status="404"} 3');
  expect(text).toContain('cairn_request_seconds_count{method="POST",route="/v1/documents",status="200"} 1');
  expect(text).toContain('cairn_rows_total{route="/v1/documents"} 1');
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  expect(text).not.toMatch(new RegExp(`${CANARY}|missing-1`));
});
