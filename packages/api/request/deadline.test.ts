import { setTimeout as sleep } from "node:timers/promises";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database, Transaction } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { sql } from "drizzle-orm";
import { describe, expect, test, vi } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const chat = useServer(startChatApi);

const chatModel = () => createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url });
const withEmbeddings = () => ({ embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url } } });
const texts = (count: number, mark: string) => ({
  documents: Array.from({ length: count }, (_, n) => ({
    id: `${mark}-${n}`,
    content: `${mark} number ${n}`,
  })),
});

test("a request that waits for a model beyond its deadline is answered 504 and writes nothing", async () => {
  const api = await createTestApi(testDatabase.database, { ...withEmbeddings(), deadline: 2_000 });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/collections", { key, body: {} });
  embeddings.script({ kind: "hang" });
  const started = performance.now();
  const response = await api.call("POST", "/v1/documents", { key, body: texts(1, "late") });
  expect(response).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  expect(performance.now() - started).toBeLessThan(20_000);
  expect((await api.call("GET", "/v1/documents", { key })).body.documents).toEqual([]);
});

test("the deadline includes authentication, and nothing is done after it", async () => {
  let slow = false;
  let transactions = 0;
  let openTransactions = 0;
  const database: Database = {
    ...testDatabase.database,
    async transaction(work, settings) {
      if (settings?.role === "cairn_app") transactions++;
      openTransactions++;
      try {
        if (slow) await sleep(2_000);
        return await testDatabase.database.transaction(work, settings);
      } finally {
        openTransactions--;
      }
    },
  };
  const api = await createTestApi(database, { deadline: 400 });
  const { key } = await api.addTenant();
  const headers = { "Idempotency-Key": "late" };
  const write = () => api.call("POST", "/v1/documents", { key, body: texts(1, "late"), headers });
  slow = true;
  transactions = 0;
  const started = performance.now();
  const response = await write();
  expect(response).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(performance.now() - started).toBeLessThan(1_800);
  await sleep(2_500); // the result of the key lookup must be ignored
  slow = false;
  expect(transactions).toBe(0);
  await vi.waitFor(async () => expect((await write()).status).toBe(200), 20_000); // a busy machine takes longer than 400 ms
  await vi.waitFor(() => expect(openTransactions).toBe(0), 20_000); // otherwise the update of the key's last use would run in a later test
});

describe.runIf(process.env.TEST_DATABASE_URL)("on a server", () => {
  /** Runs `work` while another transaction locks the table, then checks that no statement waits for the lock. */
  async function whileLocked<T>(table: string, work: () => Promise<T>): Promise<T> {
    const blocker = connectPg({ url: testDatabase.url as string });
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

  test("the deadline cancels the statement of a request in the database", async () => {
    const api = await createTestApi(testDatabase.database, { deadline: 400 });
    const { key, id } = await api.addTenant();
    await api.call("POST", "/v1/collections", { key, body: {} });
    const response = await whileLocked("collections", () => api.call("GET", "/v1/collections", { key }));
    expect(response.status).toBe(504);
    expect((await api.call("GET", "/v1/collections", { key })).status, id).toBe(200);
  });

  test("the deadline cancels the lookup of a key in the database", async () => {
    const api = await createTestApi(testDatabase.database, { deadline: 400 });
    const { key } = await api.addTenant();
    const ask = () => api.call("GET", "/v1/collections", { key });
    expect(await whileLocked("api_keys", ask)).toMatchObject({ status: 504 });
    await vi.waitFor(async () => expect((await ask()).status).toBe(200), 2_000); // a request in the meantime shares the lookup
  });

  test("the deadline cancels the search of a stream that has not started, and the model is not called", async () => {
    const api = await createTestApi(testDatabase.database, { deadline: 400, chatModel: chatModel() });
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: texts(1, "found") });
    const before = chat.requests.length;
    const body = { stream: true, messages: [{ role: "user", content: "found number 0" }] };
    const response = await whileLocked("documents", () => api.call("POST", "/v1/chat", { key, body }));
    expect(response).toMatchObject({
      status: 504,
      body: { code: expect.stringMatching(/deadline|timeout/) },
    });
    await sleep(300);
    expect(chat.requests.length).toBe(before);
    expect((await api.call("POST", "/v1/chat", { key, body })).text).toContain("event: done");
  });

  test("the deadline of a stream cancels a search that the model requested", async () => {
    let searches = 0;
    const second = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const database: Database = {
      ...testDatabase.database,
      async read(...args) {
        if (++searches === 2) {
          second.resolve();
          await locked.promise;
        }
        return testDatabase.database.read(...args);
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
        { maxStreamMs: 2_000 },
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
