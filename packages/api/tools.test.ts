import { serve } from "@hono/node-server";
import { OpenAI } from "openai";
import { expect, test } from "vitest";
import { useChatService } from "../../test/support/chat-service.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";

const { chat, api, tenant } = useChatService(useTestDatabase());

test("the official openai package uses the tool end to end: schema, call, answer", async () => {
  const server = serve({ fetch: api.app.fetch, hostname: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  const base = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
  const headers = { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" };
  try {
    const { openai: tools } = (await (await fetch(`${base}/tools`, { headers })).json()) as {
      openai: OpenAI.ChatCompletionTool[];
    };
    const client = new OpenAI({ apiKey: "k", baseURL: chat.url, maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "When are you open?" }];
    chat.script(
      { kind: "calls", calls: [{ name: "search", arguments: '{"query":"open nine to five","top_k":1}' }] },
      { kind: "text", pieces: ["From nine to five (hours)."] },
    );
    const first = await client.chat.completions.create({ model: "scripted", messages, tools });
    const [call] = first.choices[0]?.message.tool_calls ?? [];
    if (call?.type !== "function") throw new Error("the model did not call the tool");
    expect(call.function.name).toBe((tools[0] as OpenAI.ChatCompletionFunctionTool).function.name);
    const result = await fetch(`${base}/tools/${call.function.name}`, {
      method: "POST",
      headers,
      body: call.function.arguments,
    });
    const content = await result.text();
    messages.push(first.choices[0]?.message as OpenAI.ChatCompletionMessage, {
      role: "tool",
      tool_call_id: call.id,
      content,
    });
    const answer = await client.chat.completions.create({ model: "scripted", messages, tools });
    expect(answer.choices[0]?.message.content).toBe("From nine to five (hours).");
    const received = JSON.parse(chat.requests.at(-1)?.messages.at(-1)?.content ?? "");
    expect(received).toMatchObject({
      notice: expect.stringContaining("data"),
      results: [{ id: "hours", content: expect.stringContaining("nine") }],
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("the schema of the tool has the format of each API and lists required fields", async () => {
  const { body } = await api.call("GET", "/v1/tools", { key: tenant.key });
  const schema = {
    type: "object",
    required: ["query"],
    additionalProperties: false,
    properties: {
      query: { type: "string" },
      query_embedding: { type: "array" },
      top_k: { type: "integer" },
      filter: { type: "object" },
    },
  };
  expect(body.openai[0]).toMatchObject({
    type: "function",
    function: { name: "search", parameters: schema },
  });
  expect(body.openai_responses[0]).toMatchObject({ type: "function", name: "search", parameters: schema });
  expect(body.anthropic[0]).toMatchObject({ name: "search", input_schema: schema });
});
