import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { beforeAll, expect } from "vitest";
import { type TestApi, useTestApi } from "./api.ts";
import { type ChatApi, type ChatReply, startChatApi } from "./chat-api.ts";
import { type DatabaseFixture, useResource, useServer } from "./fixture.ts";

export const dialectChatModel = ({ url }: ChatApi, more: object = {}) =>
  createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: url, backoff: 5, ...more });

export const text = (pieces: readonly string[], dialect: object = {}): ChatReply => ({
  kind: "text",
  pieces,
  ...dialect,
});

interface Streamed {
  /** The text that a client shows if it applies `restart`. */
  readonly shown: string;
  readonly events: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: what the tests are about
  readonly last: any;
}

/** The service with a chat model whose replies the test scripts, and a tenant with two documents. */
export function useDialectService(testDatabase: DatabaseFixture) {
  const chat = useServer(startChatApi);
  const api = useTestApi(testDatabase, () => ({ chatModel: dialectChatModel(chat) }));
  const tenant = useResource(() => api.addTenant());
  beforeAll(async () => {
    const documents = [
      { id: "returns", content: "You may return a kettle within 30 days." },
      { id: "hours", content: "The shop is open from nine to five." },
    ];
    await api.call("POST", "/v1/documents", { key: tenant.key, body: { documents } });
  });

  const question = { messages: [{ role: "user", content: "return a kettle within 30 days" }] };
  const ask = (of: TestApi = api) => of.call("POST", "/v1/chat", { key: tenant.key, body: question });

  async function askStreamed(of: TestApi = api): Promise<Streamed> {
    const body = { ...question, stream: true };
    const answer = await of.call("POST", "/v1/chat", { key: tenant.key, body });
    const events = [...answer.text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event = "", data = ""]) => ({
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

  return { chat, ask, askStreamed, answerOf };
}
