import { expect, onTestFinished, test } from "vitest";
import { createTestApi } from "../../test/support/api.ts";
import { type ChatReply, startChatApi } from "../../test/support/chat-api.ts";
import { dialectChatModel, text, useDialectService } from "../../test/support/chat-dialect-service.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";

// Deviations of servers from OpenAI's chat completions. A caller of /v1/chat must not notice them.

const testDatabase = useTestDatabase();
const { chat, ask, askStreamed, answerOf } = useDialectService(testDatabase);

test.each<readonly [string, ChatReply]>([
  ["text as a list of parts", text(["Within ", "30 days [1]."], { content: "parts" })],
  [
    "reasoning in reasoning_content",
    text(["Within 30 days [1]."], { reasoning: { pieces: ["[2]?"], as: "reasoning_content" } }),
  ],
  ["reasoning in reasoning", text(["Within 30 days [1]."], { reasoning: { pieces: ["[2]?"], as: "reasoning" } })],
  [
    "reasoning as parts",
    text(["Within 30 days [1]."], { content: "parts", reasoning: { pieces: ["[2]?"], as: "parts" } }),
  ],
  [
    "reasoning in tags that come in pieces",
    text(["<th", "ink>[2]? ", "`[2", "]`</", "think>\n\nWithin", " 30 days [1]."]),
  ],
  ["reasoning whose opening tag is in the prompt", text(["It asks [2]. ", "So.</th", "ink>\n", "Within 30 days [1]."])],
  ["no usage", text(["Within 30 days [1]."], { usage: "missing" })],
  [
    "lines that end in CRLF, keep-alives, and no [DONE]",
    text(["Within ", "30 days [1]."], { wire: ["crlf", "comments", "no_done"] }),
  ],
  ["one JSON document instead of a stream", text(["Within ", "30 days [1]."], { wire: ["unstreamed"] })],
  [
    "one JSON document of parts",
    text(["Within ", "30 days [1]."], { wire: ["unstreamed"], reasoning: { pieces: ["[2]?"], as: "parts" } }),
  ],
])("%s: the answer is only the text, and cites the passage", async (_, reply) => {
  const { answer, citations, truncated } = await answerOf(reply);
  expect({ answer, truncated }).toEqual({ answer: "Within 30 days [1].", truncated: false });
  expect(citations).toEqual([expect.objectContaining({ number: 1, id: "returns" })]);
});

test.each<readonly [string, string, boolean]>([
  ["length", "length", true],
  ["max_tokens", "length", true],
  ["MAX_TOKENS", "length", true],
  ["content_filter", "content_filter", true],
  ["SAFETY", "content_filter", true],
  ["stop", "stop", false],
  ["eos", "stop", false],
])("an answer that ends with %s has the matching finish_reason", async (finish, finish_reason, truncated) => {
  expect(await answerOf(text(["Within 30 days [1]"], { finish }))).toMatchObject({
    answer: "Within 30 days [1]",
    finish_reason,
    truncated,
  });
});

test("reasoning without an end is not shown, and the answer is truncated", async () => {
  const body = await answerOf(text(["<think>perhaps [1], ", "perhaps not"]));
  expect(body).toMatchObject({ answer: "", citations: [], truncated: true, finish_reason: "length" });
});

test("an error within a stream ends it with the message of the server", async () => {
  chat.script({ kind: "error", after: ["Within "], message: "the backend has gone" });
  const { events, last } = await askStreamed();
  expect(events.at(-1)).toBe("error");
  expect(last).toMatchObject({
    code: "chat_failed",
    detail: expect.stringContaining("the backend has gone"),
  });
});

test("a server that keeps the connection open after its answer causes no delay", async () => {
  chat.script(text(["Within 30 days [1]."], { wire: ["open"] }));
  const started = performance.now();
  expect((await ask()).body.answer).toBe("Within 30 days [1].");
  expect(performance.now() - started).toBeLessThan(10_000); // after 15 s without data it would fail
});

test("an answer that has started may take longer than the timeout of an attempt", async () => {
  const slow = await createTestApi(testDatabase.database, {
    chatModel: dialectChatModel(chat, { attemptTimeout: 4_000, attempts: 1 }),
  });
  chat.script({ kind: "text", pieces: ["a ", "b ", "c ", "d ", "e"], every: 1_000 });
  expect((await ask(slow)).body.answer).toBe("a b c d e");
});

test("an answer without an end fails at the time limit of an answer", async () => {
  const limited = await createTestApi(testDatabase.database, {
    chatModel: dialectChatModel(chat, { answerTimeout: 500 }),
  });
  chat.script({ kind: "text", pieces: Array.from({ length: 1_000 }, () => "and "), every: 50 });
  const { status, body } = await ask(limited);
  expect([status, body.code]).toEqual([502, "chat_failed"]);
  expect(body.detail).toContain("did not finish its answer in time");
});

test("an answer above the size limit is refused", async () => {
  const piece = "kettle ".repeat(10_000);
  chat.script(text(Array.from({ length: 20 }, () => piece)));
  const long = await ask();
  expect([long.status, long.body.detail]).toEqual([502, expect.stringContaining("longer than 1000000 characters")]);
  chat.always({ kind: "body", body: `{"choices": [{"message": {"content": "${"x".repeat(3_000_000)}"}}]}` });
  const large = await ask();
  chat.always(undefined);
  expect([large.status, large.body.detail]).toEqual([502, expect.stringContaining("larger than")]);
  const calls = [{ name: "search", arguments: JSON.stringify({ query: "x".repeat(300_000) }) }];
  chat.script({ kind: "calls", calls });
  expect((await ask()).body.detail).toContain("arguments");
  chat.script({
    kind: "calls",
    calls: Array.from({ length: 40 }, () => ({ name: "search", arguments: "{}" })),
  });
  expect((await ask()).body.detail).toContain("more than 32 times");
});

test("a server without support for tools or stream_options is called without them, and still receives the passages", async () => {
  const old = await startChatApi({ refuses: ["tools", "stream_options"] });
  onTestFinished(() => old.stop());
  const withOldServer = await createTestApi(testDatabase.database, { chatModel: dialectChatModel(old) });
  const { status, body } = await ask(withOldServer);
  expect([status, body.answer]).toEqual([200, "So it says [1]."]);
  expect(body.citations).toEqual([expect.objectContaining({ id: "returns" })]);
  const last = old.requests.at(-1);
  expect(last?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
  expect(last?.messages[1]?.content).toMatch(/^return a kettle.*"number":1/s);
  const before = old.requests.length;
  await ask(withOldServer);
  expect(old.requests.length - before).toBe(1); // the service remembers what the server refused
});
