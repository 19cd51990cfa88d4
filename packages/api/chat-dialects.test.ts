import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createTestApi, type TestApi, useTestApi } from "../../test/support/api.ts";
import { type ChatApi, type ChatReply, startChatApi } from "../../test/support/chat-api.ts";
import type { CallDialect } from "../../test/support/chat-dialects.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";

// Deviations of servers from OpenAI's chat completions. A caller of /v1/chat must not notice them.

const testDatabase = useTestDatabase();
const chat = useServer(startChatApi);
const api = useTestApi(testDatabase, () => ({ chatModel: chatModel(chat) }));
let key: string;
beforeAll(async () => {
  ({ key } = await api.addTenant());
  const documents = [
    { id: "returns", content: "You may return a kettle within 30 days." },
    { id: "hours", content: "The shop is open from nine to five." },
  ];
  await api.call("POST", "/v1/documents", { key, body: { documents } });
});

const chatModel = ({ url }: ChatApi, more: object = {}) =>
  createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: url, backoff: 5, ...more });

const question = { messages: [{ role: "user", content: "return a kettle within 30 days" }] };
const ask = (of: TestApi = api) => of.call("POST", "/v1/chat", { key, body: question });

interface Streamed {
  /** The text that a client shows if it applies `restart`. */
  readonly shown: string;
  readonly events: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: what the tests are about
  readonly last: any;
}

async function askStreamed(of: TestApi = api): Promise<Streamed> {
  const { text } = await of.call("POST", "/v1/chat", { key, body: { ...question, stream: true } });
  const events = [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event = "", data = ""]) => ({
    event,
    data: JSON.parse(data),
  }));
  let shown = "";
  for (const { event, data } of events) {
    if (event === "delta") shown += data.text;
    if (event === "restart") shown = data.text;
  }
  return { shown, events: events.map(({ event }) => event), last: events.at(-1)?.data };
}

/** The answer to scripted replies. Requests it both unstreamed and streamed, and expects the same. */
async function answerOf(...replies: readonly ChatReply[]) {
  chat.script(...replies);
  const complete = await ask();
  expect(complete.status, complete.text).toBe(200);
  chat.script(...replies);
  const { shown, last } = await askStreamed();
  expect(shown).toBe(complete.body.answer);
  expect(last).toEqual(complete.body);
  return complete.body;
}

const text = (pieces: readonly string[], dialect: object = {}): ChatReply => ({
  kind: "text",
  pieces,
  ...dialect,
});

test.each<readonly [string, ChatReply]>([
  ["text as a list of parts", text(["Within ", "30 days [1]."], { content: "parts" })],
  [
    "reasoning in reasoning_content",
    text(["Within 30 days [1]."], { reasoning: { pieces: ["[2]?"], as: "reasoning_content" } }),
  ],
  [
    "reasoning in reasoning",
    text(["Within 30 days [1]."], { reasoning: { pieces: ["[2]?"], as: "reasoning" } }),
  ],
  [
    "reasoning as parts",
    text(["Within 30 days [1]."], { content: "parts", reasoning: { pieces: ["[2]?"], as: "parts" } }),
  ],
  [
    "reasoning in tags that come in pieces",
    text(["<th", "ink>[2]? ", "`[2", "]`</", "think>\n\nWithin", " 30 days [1]."]),
  ],
  [
    "reasoning whose opening tag is in the prompt",
    text(["It asks [2]. ", "So.</th", "ink>\n", "Within 30 days [1]."]),
  ],
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

describe("two concurrent tool calls", () => {
  const search = (query: string) => ({ name: "search", arguments: JSON.stringify({ query, top_k: 1 }) });
  const calls = [search("open from nine to five"), search("return a kettle")];
  const DIALECTS: readonly (CallDialect | undefined)[] = [
    undefined,
    "no_index",
    "zero_index",
    "zero_index_pieces",
    "repeated_names",
    "piece_ids",
    "object_arguments",
    "empty_ids",
    "no_ids",
    "repeated_calls",
  ];
  test.each(
    DIALECTS.flatMap(
      (dialect) =>
        [
          [dialect, false],
          [dialect, true],
        ] as const,
    ),
  )(
    "as %s (unstreamed: %s) are two searches, and the server receives matching calls and results",
    async (dialect, unstreamed) => {
      const wire = unstreamed ? (["unstreamed"] as const) : [];
      await answerOf({ kind: "calls", calls, dialect, wire }, text(["Yes [1]."]));
      const sent = chat.requests.at(-1)?.messages ?? [];
      const request = sent.filter(({ role, tool_calls }) => role === "assistant" && tool_calls).at(-1);
      const toolCalls = request?.tool_calls as {
        id: string;
        function: { name: string; arguments: string };
      }[];
      expect(toolCalls.map(({ function: called }) => [called.name, JSON.parse(called.arguments)])).toEqual(
        calls.map(({ name, arguments: args }) => [name, JSON.parse(args)]),
      );
      const results = sent.filter(({ role }) => role === "tool").slice(-2) as unknown as {
        tool_call_id: string;
        content: string;
      }[];
      expect(results.map(({ tool_call_id }) => tool_call_id)).toEqual(toolCalls.map(({ id }) => id));
      expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(2);
      expect(toolCalls.every(({ id }) => id !== "")).toBe(true);
      expect(results[0]?.content).toContain("nine to five");
      expect(results[1]?.content).toContain("kettle");
    },
  );

  test("with function_call is one search", async () => {
    await answerOf({ kind: "calls", calls: calls.slice(0, 1), dialect: "legacy" }, text(["Yes [1]."]));
    expect(chat.requests.at(-1)?.messages.at(-1)?.content).toContain("nine to five");
  });
});

test("calls beyond the limit of an answer receive an error and do not search", async () => {
  const call = { name: "search", arguments: '{"query":"kettle"}' };
  chat.script({ kind: "calls", calls: Array.from({ length: 10 }, () => call) }, text(["Yes [1]."]));
  const { events } = await askStreamed();
  expect(events.filter((event) => event === "passages")).toHaveLength(4);
  expect(chat.requests.at(-1)?.messages.at(-1)?.content).toContain("No further search is possible");
});

test("deviating but clear arguments are accepted, and others are refused with a hint for the model", async () => {
  const search = (args: unknown) => ({
    name: "search",
    arguments: typeof args === "string" ? args : JSON.stringify(args),
  });
  chat.script(
    {
      kind: "calls",
      calls: [
        search(JSON.stringify('{"query":"kettle","top_k":"1"}')),
        search({ query: "open", top_k: "many" }),
      ],
    },
    { kind: "calls", calls: [search({ query: "kettle", filter: '{"topic": {"$near": 1}}' })] },
    text(["Yes [1]."]),
  );
  expect((await ask()).status).toBe(200);
  const results = chat.requests
    .at(-1)
    ?.messages.filter(({ role }) => role === "tool")
    .map(({ content }) => content);
  expect(results?.slice(1)).toEqual([
    expect.stringContaining('"number":1'),
    expect.stringMatching(/top_k.*number, optional/),
    expect.stringContaining("$near"),
  ]);
});

test.each<readonly [string, string, RegExp]>([
  [
    "an error object",
    '{"error": {"message": "model is loading", "code": 503}}',
    /answered 503: model is loading/,
  ],
  ["an error string", '{"error": "out of memory"}', /out of memory/],
  ["FastAPI's detail", '{"detail": "no such model"}', /no such model/],
  ["FastAPI's list of details", '{"detail": [{"loc": ["body"], "msg": "field required"}]}', /field required/],
  ["an error as an event", 'event: error\ndata: {"message": "broken pipe"}\n\n', /broken pipe/],
  ["a web page", "<!doctype html><title>Welcome</title>", /web page.*base URL/],
  ["nothing", "", /empty/],
  ["half a document", '{"choices": [', /not complete JSON/],
])("status 200 with %s is a failure with the message of the server", async (_, body, words) => {
  chat.always({ kind: "body", body });
  const { status, body: problem } = await ask();
  chat.always(undefined);
  expect({ status, code: problem.code }).toEqual({ status: 502, code: "chat_failed" });
  expect(problem.detail).toMatch(words);
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
    chatModel: chatModel(chat, { attemptTimeout: 4_000, attempts: 1 }),
  });
  chat.script({ kind: "text", pieces: ["a ", "b ", "c ", "d ", "e"], every: 1_000 });
  expect((await ask(slow)).body.answer).toBe("a b c d e");
});

test("an answer without an end fails at the time limit of an answer", async () => {
  const limited = await createTestApi(testDatabase.database, {
    chatModel: chatModel(chat, { answerTimeout: 500 }),
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
  expect([long.status, long.body.detail]).toEqual([
    502,
    expect.stringContaining("longer than 1000000 characters"),
  ]);
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
  const withOldServer = await createTestApi(testDatabase.database, { chatModel: chatModel(old) });
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
