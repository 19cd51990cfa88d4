import { describe, expect, test } from "vitest";
import { text, useDialectService } from "../../test/support/chat-dialect-service.ts";
import type { CallDialect } from "../../test/support/chat-dialects.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";

// Deviations of servers from OpenAI's chat completions. A caller of /v1/chat must not notice them.

const { chat, ask, askStreamed, answerOf } = useDialectService(useTestDatabase());

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
      calls: [search(JSON.stringify('{"query":"kettle","top_k":"1"}')), search({ query: "open", top_k: "many" })],
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
  ["an error object", '{"error": {"message": "model is loading", "code": 503}}', /answered 503: model is loading/],
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
