import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { type ChatReply, startChatApi } from "../../test/support/chat-api.ts";
import { type Fault, startEmbeddingApi } from "../../test/support/embedding-api.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const chat = useServer(startChatApi);
const api = useTestApi(testDatabase, () => {
  const requests = { attempts: 2, backoff: 10, attemptTimeout: 300, deadline: 2_000 };
  const waits = { attempts: 2, backoff: 10, attemptTimeout: 300, idleTimeout: 300, deadline: 2_000 };
  return {
    embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests },
    chatModel: createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url, ...waits }),
  };
});
let tenant: { readonly id: string; readonly key: string };
beforeEach(async () => {
  tenant = await api.addTenant();
  const documents = [{ id: "returns", content: "You may return a kettle within 30 days." }];
  expect((await api.call("POST", "/v1/documents", { key: tenant.key, body: { documents } })).status).toBe(200);
});

const ids = async () =>
  (await api.call("GET", "/v1/documents", { key: tenant.key })).body.documents.map(({ id }: { id: string }) => id);

describe("the embedding API", () => {
  const faults: readonly (readonly [string, Fault, number, string])[] = [
    ["answers 500", { kind: "status", status: 500 }, 502, "embedding_failed"],
    ["answers 401", { kind: "status", status: 401 }, 502, "embedding_failed"],
    ["asks for a longer wait than the deadline", { kind: "rate_limit", retryAfter: "120" }, 502, "embedding_failed"],
    ["reports an exhausted quota", { kind: "quota" }, 503, "embedding_quota"],
    ["never answers", { kind: "hang" }, 502, "embedding_failed"],
    ["stops after the response headers", { kind: "hang", after: "headers" }, 502, "embedding_failed"],
    ["sends truncated JSON", { kind: "half_json" }, 502, "embedding_failed"],
    ["drops the connection", { kind: "drop", bytes: 40 }, 502, "embedding_failed"],
    ["omits a vector", { kind: "short" }, 502, "embedding_failed"],
    ["sends a vector twice", { kind: "duplicate" }, 502, "embedding_failed"],
    ["sends vectors of another size", { kind: "dimensions", dimensions: 7 }, 422, "dimension_mismatch"],
    ["sends a value that is not a number", { kind: "element", json: "null" }, 502, "embedding_failed"],
  ];
  test.each(faults)(
    "that %s causes an error without a partial write, and succeeds after it recovers",
    async (_, fault, status, code) => {
      embeddings.always(fault);
      const documents = [{ id: "new", content: `words of ${crypto.randomUUID()}` }];
      const body = {
        documents: [...documents, { id: "returns", content: `other words ${crypto.randomUUID()}` }],
      };
      const ingested = await api.call("POST", "/v1/documents", { key: tenant.key, body });
      const queries = [1, 2].map((n) => ({ query: `asked ${n} ${crypto.randomUUID()}` }));
      const queried = await api.call("POST", "/v1/query", { key: tenant.key, body: { queries } });
      embeddings.always(null);
      for (const answer of [ingested, queried]) {
        expect(answer.status).toBe(status);
        expect(answer.body).toMatchObject({ code, status });
        expect(answer.headers.get("Content-Type")).toContain("application/problem+json");
        expect(answer.text).not.toMatch(/sk-test|words of/);
      }
      expect(await ids()).toEqual(["returns"]);
      const found = await api.call("POST", "/v1/query", { key: tenant.key, body: { query: "kettle" } });
      expect(found.body.hits[0].content).toContain("30 days");
      expect((await api.call("POST", "/v1/documents", { key: tenant.key, body })).status).toBe(200);
    },
  );

  test.each<readonly [string, Fault]>([
    ["answers 500 once", { kind: "status", status: 500 }],
    ["answers 429 once", { kind: "rate_limit", retryAfter: "0.05" }],
    ["drops the connection once", { kind: "drop", bytes: 10 }],
    ["returns vectors in another order", { kind: "reordered" }],
  ])("that %s does not fail the request", async (_, fault) => {
    embeddings.script(fault);
    const documents = [1, 2, 3].map((n) => ({
      id: `d${n}`,
      content: `number ${n} of ${crypto.randomUUID()}`,
    }));
    expect((await api.call("POST", "/v1/documents", { key: tenant.key, body: { documents } })).status).toBe(200);
    for (const { id, content } of documents) {
      const found = await api.call("POST", "/v1/query", {
        key: tenant.key,
        body: { query: content, top_k: 1 },
      });
      expect(found.body.hits[0].id).toBe(id);
    }
  });
});

describe("the chat model", () => {
  const ask = (stream?: boolean) =>
    api.call("POST", "/v1/chat", {
      key: tenant.key,
      body: { messages: [{ role: "user", content: "How long may I return a kettle?" }], stream },
    });

  test.each<readonly [string, ChatReply, number, string]>([
    ["answers 500", { kind: "status", status: 500 }, 502, "chat_failed"],
    ["answers 429 with a long Retry-After", { kind: "status", status: 429, retryAfter: "120" }, 502, "chat_failed"],
    ["reports an exhausted quota", { kind: "status", status: 429, code: "insufficient_quota" }, 503, "chat_quota"],
    ["never answers", { kind: "hang" }, 502, "chat_failed"],
    ["sends garbage", { kind: "garbage" }, 502, "chat_failed"],
    ["drops the connection within its response", { kind: "drop", after: ["You may"] }, 502, "chat_failed"],
    ["stops within its response", { kind: "hang", after: ["You may"] }, 502, "chat_failed"],
    ["ends the stream before it has finished", { kind: "half", after: ["You may"] }, 502, "chat_failed"],
  ])("that %s causes an error, streamed or not", async (_, reply, status, code) => {
    chat.always(reply);
    expect(await ask()).toMatchObject({ status, body: { code } });
    const streamed = await ask(true);
    if (streamed.status === 200) {
      expect(streamed.text).toMatch(/event: error\ndata: .*"code":"(chat_failed|chat_quota)"/);
      expect(streamed.text).not.toContain("event: done");
    } else expect(streamed).toMatchObject({ status, body: { code } });
    expect(streamed.text).toContain(code);
    chat.always(undefined);
    expect((await ask()).status).toBe(200);
  });

  test("that fails once before its first token is called again", async () => {
    chat.script({ kind: "status", status: 500 });
    expect((await ask()).body.answer).toBe("So it says [1].");
    chat.script({ kind: "status", status: 429, retryAfter: "0.05" });
    expect((await ask()).status).toBe(200);
  });
});
