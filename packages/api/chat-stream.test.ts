import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { expect, test, vi } from "vitest";
import { createTestApi } from "../../test/support/api.ts";
import { question, useChatService } from "../../test/support/chat-service.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const { chat, chatModel, api, tenant, ask } = useChatService(testDatabase);

test("a stream has the passages first, then the text in parts, then the complete answer", async () => {
  chat.script({ kind: "text", pieces: ["Within ", "30 days ", "[1", "][7]", "."] });
  const { text, headers } = await ask({ ...question("return a kettle"), stream: true });
  expect(headers.get("Content-Type")).toContain("text/event-stream");
  const events = [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => ({
    event,
    data: JSON.parse(data as string),
  }));
  expect(events[0]).toMatchObject({
    event: "passages",
    data: { passages: [expect.objectContaining({ number: 1 }), expect.anything(), expect.anything()] },
  });
  const deltas = events.filter(({ event }) => event === "delta").map(({ data }) => data.text);
  expect(deltas.length).toBeGreaterThan(2);
  expect(deltas.join("")).toBe("Within 30 days [1][7].");
  expect(events.at(-1)).toMatchObject({
    event: "done",
    data: { answer: "Within 30 days [1][7].", citations: [{ number: 1 }] },
  });
});

test("a stream whose search hangs ends with `error` at its time limit and does not call the model again", async () => {
  let searches = 0;
  const database: Database = {
    ...testDatabase.database,
    read: (...args) => (++searches === 2 ? new Promise(() => {}) : testDatabase.database.read(...args)),
  };
  const hanging = await createTestApi(database, { chatModel: chatModel() });
  const before = chat.requests.length;
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"kettle"}' }] });
  const started = performance.now();
  const answer = await hanging.app.request(
    "/v1/chat",
    {
      method: "POST",
      headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ ...question("return a kettle"), stream: true }),
    },
    { maxStreamMs: 2_000 },
  );
  const text = await answer.text();
  expect([...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(["passages", "error"]);
  expect(text).toContain('"code":"deadline_exceeded"');
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(chat.requests.length - before).toBe(1);
});

test("a caller that disconnects cancels the request to the model", async () => {
  chat.script({ kind: "hang", after: ["Within "] });
  const answer = await api.app.request("/v1/chat", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ ...question("return a kettle"), stream: true }),
  });
  const reader = answer.body?.getReader();
  await reader?.read();
  await vi.waitFor(() => expect(chat.hanging()).toBe(1));
  await reader?.cancel();
  await vi.waitFor(() => expect(chat.hanging()).toBe(0), 2_000);
});

test("a caller that disconnects ends the stream of a model that ignores its signal", async () => {
  let closed = false;
  const endless: ChatModel = {
    model: "deaf",
    async *stream() {
      try {
        for (;;) {
          yield { type: "text", text: "and so on " };
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } finally {
        closed = true;
      }
    },
  };
  const endlessApi = await createTestApi(testDatabase.database, { chatModel: endless });
  const answer = await endlessApi.app.request("/v1/chat", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ ...question("return a kettle"), stream: true }),
  });
  const reader = answer.body?.getReader();
  for (let pieces = 0; pieces < 3; pieces++) await reader?.read();
  expect(closed).toBe(false);
  await reader?.cancel();
  await vi.waitFor(() => expect(closed).toBe(true), 2_000);
});
