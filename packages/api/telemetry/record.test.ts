import { expect, test, vi } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { captureLog, failAtRead, openStream, question, useImpatientChat } from "../../../test/support/telemetry.ts";
import type { RequestRecord } from "./record.ts";

const testDatabase = useTestDatabase();
const { chat, chatModel } = useImpatientChat();

test("a server error is logged with level error, a success with level info", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  chat.script({ kind: "status", status: 401, message: "no" });
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  await api.call("GET", "/v1/collections", { key });
  expect((await api.call("POST", "/v1/chat", { key, body: question("words", false) })).status).toBe(502);
  const records = lines.map((line) => JSON.parse(line));
  expect(records.map(({ level, status }) => [level, status])).toEqual([
    [30, 200],
    [50, 502],
  ]);
});

test("a streamed response is recorded at its end with duration, hits, tokens, and the code of a failure", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  chat.script(
    { kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] },
    { kind: "hang", after: ["So"] },
  );
  const started = performance.now();
  const stream = await openStream(api, key, question("words", true));
  await stream.read();
  expect(lines).toEqual([]); // the stream has started but not ended
  expect(await stream.rest()).toContain('"code":"chat_failed"');
  const took = performance.now() - started;
  const records = lines.map((line) => JSON.parse(line));
  expect(records).toEqual([expect.objectContaining({ route: "/v1/chat", status: 200, code: "chat_failed", rows: 2 })]);
  expect(records[0]).toMatchObject({ input_tokens: 100, output_tokens: 10 });
  expect(records[0].ms).toBeGreaterThan(350);
  expect(records[0].ms).toBeLessThanOrEqual(took);

  await vi.waitFor(() => expect(chat.hanging()).toBe(0), 10_000);
  lines.length = 0;
  chat.script({ kind: "hang", after: ["So"] });
  const abandoned = await openStream(api, key, question("words", true));
  await vi.waitFor(() => expect(chat.hanging()).toBe(1), 10_000);
  await abandoned.cancel();
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] as string)).not.toHaveProperty("code"); // a caller that disconnects is not a failure
});

test("an unexpected error in a stream is logged with the request id that the caller sees", async () => {
  const { lines, log } = captureLog();
  const { database, begin } = failAtRead(testDatabase.database, { nth: 2, error: new TypeError("oops") });
  const api = await createTestApi(database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  begin();
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
  const { text } = await api.call("POST", "/v1/chat", { key, body: question("words", true) });
  const [, eventData = ""] = /^event: error\ndata: (.*)$/m.exec(text) ?? [];
  const { code, request_id } = JSON.parse(eventData);
  expect(code).toBe("internal_error");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { message: "failure", request_id, error: { name: "TypeError", at: expect.any(Array) } },
    { message: "request", request_id, status: 200, code, rows: 1, input_tokens: 100, output_tokens: 10 },
  ]);
});

test("observers receive every request", async () => {
  const seen: RequestRecord[] = [];
  const api = await createTestApi(testDatabase.database, { observers: [(record) => seen.push(record)] });
  await api.call("GET", "/health");
  await api.call("GET", "/v1/keys");
  expect(seen.map(({ route, status, code }) => [route, status, code])).toEqual([
    ["/health", 200, undefined],
    ["/v1/keys", 401, "unauthorized"],
  ]);
});
