import { setTimeout as sleep } from "node:timers/promises";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database, Transaction } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { type ChatApi, startChatApi } from "../../../test/support/chat-api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { type EmbeddingApi, startEmbeddingApi } from "../../../test/support/embedding-api.ts";

let own: TestDatabase;
let embeddings: EmbeddingApi;
let chat: ChatApi;
beforeAll(async () => {
  own = await createTestDatabase();
  [embeddings, chat] = await Promise.all([startEmbeddingApi(), startChatApi()]);
});
afterAll(async () => {
  await own?.drop();
  await Promise.all([embeddings?.stop(), chat?.stop()]);
});

const chatModel = () => createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url });
const paid = () => ({ embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url } } });
const texts = (count: number, mark: string) => ({
  documents: Array.from({ length: count }, (_, n) => ({
    id: `${mark}-${n}`,
    content: `${mark} number ${n}`,
  })),
});

test("a body over the limit is 413, whether or not it says its length, and nothing of it is written", async () => {
  const api = await createTestApi(own.database, { maxBody: 10_000 });
  const { key } = await api.addTenant();
  const body = { documents: [{ id: "large", content: "x".repeat(10_001) }] };
  const told = await api.call("POST", "/v1/documents", { key, body });
  expect(told).toMatchObject({ status: 413, body: { code: "body_too_large" } });
  const stream = new Blob([JSON.stringify(body)]).stream();
  const untold = await api.app.request(
    new Request("http://cairn/v1/documents", {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: stream,
      duplex: "half",
    } as RequestInit),
  );
  expect(untold.status).toBe(413);
  expect((await api.call("GET", "/v1/collections", { key })).body.collections).toEqual([]);
});

test("a tenant has its requests of a minute, is told when to come again, and takes nothing from others", async () => {
  const api = await createTestApi(own.database, { requestsPerMinute: 5 });
  const [a, b, favoured] = [await api.addTenant(), await api.addTenant(), await api.addTenant()];
  const ask = (key: string) => api.call("GET", "/v1/collections", { key });
  for (let left = 4; left >= 0; left--)
    expect((await ask(a.key)).headers.get("RateLimit-Remaining")).toBe(String(left));
  const refused = await ask(a.key);
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(Number(refused.headers.get("Retry-After"))).toBeLessThanOrEqual(60);
  expect((await ask(b.key)).status).toBe(200);
  const limits = { requests_per_minute: 7 };
  await api.call("PATCH", `/v1/tenants/${favoured.id}`, { key: api.operator, body: { limits } });
  expect((await ask(favoured.key)).headers.get("RateLimit-Limit")).toBe("7");
});

test("a tenant's embedding tokens of a day are reserved before they are spent, and what is known costs nothing", async () => {
  const api = await createTestApi(own.database, { ...paid(), embeddingTokensPerDay: 100 });
  const { key } = await api.addTenant();
  const before = embeddings.billed.length;
  expect((await api.call("POST", "/v1/documents", { key, body: texts(10, "spend") })).status).toBe(200);
  const spent = embeddings.billed.length - before;
  expect(spent).toBe(10);
  const refused = await api.call("POST", "/v1/documents", { key, body: texts(30, "more") });
  expect(refused).toMatchObject({ status: 429, body: { code: "budget_exceeded" } });
  expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(embeddings.billed.length - before).toBe(10); // nothing was sent
  expect((await api.call("POST", "/v1/documents", { key, body: texts(10, "spend") })).status).toBe(200);
  expect(embeddings.billed.length - before).toBe(10);
  expect((await api.call("POST", "/v1/query", { key, body: { query: "number" } })).status).toBe(200);
});

test("of requests at once only as many spend as the budget allows", async () => {
  const api = await createTestApi(own.database, { ...paid(), embeddingTokensPerDay: 25 });
  const { key } = await api.addTenant();
  const body = (n: number) => ({
    documents: [{ id: `d${n}`, content: `parallel ${n} spend of some words` }],
  });
  await api.call("POST", "/v1/collections", { key, body: { name: "knowledge" } });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) => api.call("POST", "/v1/documents", { key, body: body(n) })),
  );
  const counts = Object.groupBy(answers, ({ status }) => String(status));
  expect(counts[200]?.length).toBeGreaterThanOrEqual(2);
  expect(counts[200]?.length).toBeLessThanOrEqual(5);
  expect((counts[200]?.length ?? 0) + (counts[429]?.length ?? 0)).toBe(12);
});

test("what a model refused is given back to the budget", async () => {
  const embedding = { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests: { attempts: 1 } };
  const api = await createTestApi(own.database, { embedding, embeddingTokensPerDay: 12 });
  const { key } = await api.addTenant();
  const body = { documents: [{ id: "a", content: "refused at first, taken then" }] };
  embeddings.script({ kind: "status", status: 500 }, { kind: "status", status: 500 });
  expect((await api.call("POST", "/v1/documents", { key, body })).status).toBe(502);
  expect((await api.call("POST", "/v1/documents", { key, body })).status).toBe(200);
});

test("a request whose time is over is 504, and so is what waits for a model", async () => {
  const api = await createTestApi(own.database, { ...paid(), deadline: 300 });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/collections", { key, body: {} });
  embeddings.script({ kind: "hang" });
  const started = performance.now();
  const late = await api.call("POST", "/v1/documents", { key, body: texts(1, "late") });
  expect(late).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  expect(performance.now() - started).toBeLessThan(2_000);
  expect((await api.call("GET", "/v1/documents", { key })).body.documents).toEqual([]);
});

test("a request's time runs from its beginning: what authentication takes of it is not had twice, and nothing is done when it is over", async () => {
  let slow = false;
  let begun = 0;
  let open = 0;
  const database: Database = {
    ...own.database,
    async transaction(work, settings) {
      if (settings?.role === "cairn_app") begun++;
      open++;
      try {
        if (slow) await sleep(2_000);
        return await own.database.transaction(work, settings);
      } finally {
        open--;
      }
    },
  };
  const api = await createTestApi(database, { deadline: 400 });
  const { key } = await api.addTenant();
  const headers = { "Idempotency-Key": "late" };
  const write = () => api.call("POST", "/v1/documents", { key, body: texts(1, "late"), headers });
  slow = true;
  begun = 0;
  const started = performance.now();
  const late = await write();
  expect(late).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  expect(late.headers.get("Content-Type")).toBe("application/problem+json");
  expect(performance.now() - started).toBeLessThan(1_800);
  await sleep(2_500); // what the look has found comes to nothing
  slow = false;
  expect(begun).toBe(0);
  await vi.waitFor(async () => expect((await write()).status).toBe(200), 20_000); // a busy machine takes longer than 400 ms
  await vi.waitFor(() => expect(open).toBe(0), 20_000); // the note that the key was used would wait in a later test
});

describe.runIf(process.env.TEST_DATABASE_URL)("on a server", () => {
  /** Runs `work` while another holds the table, and then sees that nobody waits for it any longer. */
  async function whileLocked<T>(table: string, work: () => Promise<T>): Promise<T> {
    const blocker = connectPg({ url: own.url as string });
    try {
      return await blocker.transaction(async (transaction) => {
        await transaction.script(`LOCK TABLE cairn.${table} IN ACCESS EXCLUSIVE MODE`);
        const done = await work();
        await vi.waitFor(async () => expect(await countWaiting(transaction)).toBe(0), 2_000);
        return done;
      });
    } finally {
      await blocker.close();
    }
  }

  async function countWaiting({ orm }: Transaction): Promise<number | undefined> {
    const { rows } = (await orm.execute(
      sql`SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )) as unknown as { rows: { waiting: number }[] };
    return rows[0]?.waiting;
  }

  test("the statement of a request whose time is over is cancelled in the database, too", async () => {
    const api = await createTestApi(own.database, { deadline: 400 });
    const { key, id } = await api.addTenant();
    await api.call("POST", "/v1/collections", { key, body: {} });
    const late = await whileLocked("collections", () => api.call("GET", "/v1/collections", { key }));
    expect(late.status).toBe(504);
    expect((await api.call("GET", "/v1/collections", { key })).status, id).toBe(200);
  });

  test("so is the look for its key", async () => {
    const api = await createTestApi(own.database, { deadline: 400 });
    const { key } = await api.addTenant();
    const ask = () => api.call("GET", "/v1/collections", { key });
    expect(await whileLocked("api_keys", ask)).toMatchObject({ status: 504 });
    await vi.waitFor(async () => expect((await ask()).status).toBe(200), 2_000); // who asks meanwhile shares the look
  });

  test("so is the search of a streamed answer that has not begun, and the model is not asked for it", async () => {
    const api = await createTestApi(own.database, { deadline: 400, chatModel: chatModel() });
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: texts(1, "found") });
    const before = chat.requests.length;
    const body = { stream: true, messages: [{ role: "user", content: "found number 0" }] };
    const late = await whileLocked("documents", () => api.call("POST", "/v1/chat", { key, body }));
    expect(late).toMatchObject({ status: 504, body: { code: expect.stringMatching(/deadline|timeout/) } });
    await sleep(300);
    expect(chat.requests.length).toBe(before);
    expect((await api.call("POST", "/v1/chat", { key, body })).text).toContain("event: done");
  });

  test("so is a search that a model asks for within a streamed answer whose time is over", async () => {
    let searches = 0;
    const second = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const database: Database = {
      ...own.database,
      async read(...given) {
        if (++searches === 2) {
          second.resolve();
          await locked.promise;
        }
        return own.database.read(...given);
      },
    };
    const api = await createTestApi(database, { chatModel: chatModel() });
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: texts(1, "found") });
    searches = 0;
    chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"found"}' }] });
    const ask = async () => {
      const answer = await api.app.request(
        "/v1/chat",
        {
          method: "POST",
          headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
          body: JSON.stringify({ stream: true, messages: [{ role: "user", content: "found number 0" }] }),
        },
        { longestStream: 2_000 },
      );
      return answer.text();
    };
    const text = ask();
    await second.promise;
    const streamed = await whileLocked("documents", () => {
      locked.resolve();
      return text;
    });
    expect([...streamed.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(["passages", "error"]);
    expect(streamed).toMatch(/"code":"(deadline_exceeded|database_timeout)"/);
  });
});

test("pages of other origins may not call it unless they are named, and answers carry security headers", async () => {
  const preflight = { Origin: "https://shop.example.com", "Access-Control-Request-Method": "POST" };
  const closed = await createTestApi(own.database);
  const refused = await closed.call("OPTIONS", "/v1/query", { headers: preflight });
  expect(refused.headers.get("Access-Control-Allow-Origin")).toBeNull();
  const health = await closed.call("GET", "/health", { headers: preflight });
  expect(health.headers.get("Access-Control-Allow-Origin")).toBeNull();
  expect(health.headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect(health.headers.get("Strict-Transport-Security")).toContain("max-age");
  const open = await createTestApi(own.database, { corsOrigins: ["https://shop.example.com"] });
  const allowed = await open.call("OPTIONS", "/v1/query", { headers: preflight });
  expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe("https://shop.example.com");
  const stranger = await open.call("OPTIONS", "/v1/query", {
    headers: { ...preflight, Origin: "https://evil.example.com" },
  });
  expect(stranger.headers.get("Access-Control-Allow-Origin")).toBeNull();
});
