import { createServer } from "node:net";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createTestApi, type TestApi } from "../../test/support/api.ts";
import { type ChatApi, type ChatReply, startChatApi } from "../../test/support/chat-api.ts";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { type EmbeddingApi, type Fault, startEmbeddingApi } from "../../test/support/embedding-api.ts";
import { startTcpProxy } from "../../test/support/proxy.ts";
import { createApp } from "./app.ts";

let own: TestDatabase;
let embeddings: EmbeddingApi;
let chat: ChatApi;
let api: TestApi;
let tenant: { readonly id: string; readonly key: string };
beforeAll(async () => {
  own = await createTestDatabase();
  [embeddings, chat] = await Promise.all([startEmbeddingApi(), startChatApi()]);
  const requests = { attempts: 2, backoff: 10, attemptTimeout: 300, deadline: 2_000 };
  const waits = { attempts: 2, backoff: 10, attemptTimeout: 300, idleTimeout: 300, deadline: 2_000 };
  api = await createTestApi(own.database, {
    embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests },
    chatModel: createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url, ...waits }),
  });
});
beforeEach(async () => {
  tenant = await api.addTenant();
  const documents = [{ id: "returns", content: "You may return a kettle within 30 days." }];
  expect((await api.call("POST", "/v1/documents", { key: tenant.key, body: { documents } })).status).toBe(
    200,
  );
});
afterAll(async () => {
  await own?.drop();
  await Promise.all([embeddings?.stop(), chat?.stop()]);
});

const ids = async () =>
  (await api.call("GET", "/v1/documents", { key: tenant.key })).body.documents.map(
    ({ id }: { id: string }) => id,
  );

describe("the embedding API", () => {
  const faults: readonly (readonly [string, Fault, number, string])[] = [
    ["answers 500", { kind: "status", status: 500 }, 502, "embedding_failed"],
    ["answers 401", { kind: "status", status: 401 }, 502, "embedding_failed"],
    [
      "asks to wait longer than there is time",
      { kind: "rate_limit", retryAfter: "120" },
      502,
      "embedding_failed",
    ],
    ["says the quota is used up", { kind: "quota" }, 503, "embedding_quota"],
    ["never answers", { kind: "hang" }, 502, "embedding_failed"],
    ["falls silent after its headers", { kind: "hang", after: "headers" }, 502, "embedding_failed"],
    ["sends half a JSON", { kind: "half_json" }, 502, "embedding_failed"],
    ["drops the connection", { kind: "drop", bytes: 40 }, 502, "embedding_failed"],
    ["leaves a vector out", { kind: "short" }, 502, "embedding_failed"],
    ["sends a vector twice", { kind: "duplicate" }, 502, "embedding_failed"],
    ["sends vectors of another size", { kind: "dimensions", dimensions: 7 }, 422, "dimension_mismatch"],
    ["sends what is no number", { kind: "element", json: "null" }, 502, "embedding_failed"],
  ];
  test.each(faults)(
    "that %s: a clear error, nothing half written, and success when it is well",
    async (_, fault, status, code) => {
      embeddings.always(fault);
      const documents = [{ id: "new", content: `words of ${crypto.randomUUID()}` }];
      const body = {
        documents: [...documents, { id: "returns", content: `other words ${crypto.randomUUID()}` }],
      };
      const refused = await api.call("POST", "/v1/documents", { key: tenant.key, body });
      const queries = [1, 2].map((n) => ({ query: `asked ${n} ${crypto.randomUUID()}` }));
      const asked = await api.call("POST", "/v1/query", { key: tenant.key, body: { queries } });
      embeddings.always(null);
      for (const answer of [refused, asked]) {
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
    ["limits the rate for a moment", { kind: "rate_limit", retryAfter: "0.05" }],
    ["drops the connection once", { kind: "drop", bytes: 10 }],
    ["mixes the order", { kind: "reordered" }],
  ])("that %s: the request succeeds", async (_, fault) => {
    embeddings.script(fault);
    const documents = [1, 2, 3].map((n) => ({
      id: `d${n}`,
      content: `number ${n} of ${crypto.randomUUID()}`,
    }));
    expect((await api.call("POST", "/v1/documents", { key: tenant.key, body: { documents } })).status).toBe(
      200,
    );
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
    ["answers 429 for long", { kind: "status", status: 429, retryAfter: "120" }, 502, "chat_failed"],
    [
      "says the quota is used up",
      { kind: "status", status: 429, code: "insufficient_quota" },
      503,
      "chat_quota",
    ],
    ["never answers", { kind: "hang" }, 502, "chat_failed"],
    ["sends garbage", { kind: "garbage" }, 502, "chat_failed"],
    ["drops the connection within its answer", { kind: "drop", after: ["You may"] }, 502, "chat_failed"],
    ["falls silent within its answer", { kind: "hang", after: ["You may"] }, 502, "chat_failed"],
    ["ends before it has finished", { kind: "half", after: ["You may"] }, 502, "chat_failed"],
  ])("that %s: a clear error, streamed or not", async (_, reply, status, code) => {
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

  test("that fails once before its first word is asked again", async () => {
    chat.script({ kind: "status", status: 500 });
    expect((await ask()).body.answer).toBe("So it says [1].");
    chat.script({ kind: "status", status: 429, retryAfter: "0.05" });
    expect((await ask()).status).toBe(200);
  });
});

describe("a database that cannot be reached", () => {
  test("is 503 with Retry-After, without its address or password, and the process stays healthy", async () => {
    const port = await freePort();
    const database = connectPg({ url: `postgres://user:hunter2@127.0.0.1:${port}/x`, wakeTimeout: 100 });
    const broken = createApp({ ...api.services, database }, { queue: api.queue });
    for (const path of ["/ready", "/v1/collections"]) {
      const answer = await broken.request(path, { headers: { Authorization: `Bearer ${tenant.key}` } });
      expect(answer.status, path).toBe(503);
      expect(answer.headers.get("Retry-After")).toBe("5");
      expect(await answer.text()).not.toMatch(/hunter2|127\.0\.0\.1/);
    }
    expect((await broken.request("/health")).status).toBe(200);
    await database.close();
  });
});

describe.runIf(process.env.TEST_DATABASE_URL)("a network that cuts connections to the database", () => {
  async function behindProxy() {
    const server = new URL(own.url as string);
    const wire = await startTcpProxy({ host: server.hostname, port: Number(server.port || 5432) });
    server.host = `127.0.0.1:${wire.port}`;
    const database = connectPg({ url: server.href, connections: 2 });
    onTestFinished(async () => {
      await database.close();
      await wire.stop();
    });
    return { wire, api: await createTestApi(database) };
  }

  test("cuts after any byte of a write: it is there whole or not at all, and the answer says which or 5xx", async () => {
    const { wire, api: shaky } = await behindProxy();
    const { key } = await shaky.addTenant();
    await shaky.call("POST", "/v1/documents", {
      key,
      body: { documents: [{ id: "seed", content: "seed" }] },
    });
    const outcomes = new Set<number>();
    for (let round = 0; round < 24; round++) {
      let sent = 0;
      const limit = 40 * (round + 1) ** 2;
      wire.onSend = (chunk) => {
        sent += chunk.length;
        if (sent < limit) return undefined;
        wire.onSend = () => undefined;
        return round % 3 === 0 ? "answer" : Math.max(0, chunk.length - (sent - limit));
      };
      const documents = [1, 2, 3].map((n) => ({
        id: `r${round}-${n}`,
        content: `round ${round} number ${n}`,
      }));
      const answer = await shaky.call("POST", "/v1/documents", { key, body: { documents } });
      wire.onSend = () => undefined;
      outcomes.add(answer.status);
      expect([200, 503], answer.text).toContain(answer.status);
      const { body } = await shaky.call("GET", "/v1/documents?limit=1000", { key });
      const there = documents.filter(({ id }) =>
        body.documents.some((one: { id: string }) => one.id === id),
      ).length;
      if (answer.status === 200) expect(there).toBe(3);
      else expect([0, 3]).toContain(there);
    }
    expect(outcomes).toContain(503);
    expect(wire.cuts).toBeGreaterThan(10);
  });

  test("a connection that died while idle is replaced without an error to the caller", async () => {
    const { wire, api: thawed } = await behindProxy();
    const { key } = await thawed.addTenant();
    await thawed.call("POST", "/v1/documents", {
      key,
      body: { documents: [{ id: "seed", content: "seed" }] },
    });
    for (const request of [
      () => thawed.call("POST", "/v1/query", { key, body: { query: "seed" } }),
      () => thawed.call("GET", "/v1/collections", { key }),
      () => thawed.call("POST", "/v1/documents", { key, body: { documents: [{ id: "x", content: "x" }] } }),
    ]) {
      let first = true;
      wire.onSend = () => {
        if (!first) return undefined;
        first = false;
        return 0; // whatever is sent over the old connection is lost
      };
      expect((await request()).status).toBe(200);
    }
    expect(wire.cuts).toBe(3);
  });

  test("a database that sleeps is waited for", async () => {
    const server = new URL(own.url as string);
    const port = await freePort();
    const asleep = new URL(server.href);
    asleep.host = `127.0.0.1:${port}`;
    const database = connectPg({ url: asleep.href, connections: 2 });
    const asking = createTestApi(database).then((woken) =>
      woken.call("GET", "/v1/tenants", { key: woken.operator }),
    );
    await new Promise((resolve) => setTimeout(resolve, 700));
    const wire = await startTcpProxy({ host: server.hostname, port: Number(server.port || 5432) }, port);
    expect((await asking).status).toBe(200);
    await database.close();
    await wire.stop();
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
