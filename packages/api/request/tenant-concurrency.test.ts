import { setTimeout as sleep } from "node:timers/promises";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { expect, test, vi } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Long, because a busy machine must not fail the test. */
const WAIT = { timeout: 20_000 };

/** A database whose reads wait until they are unblocked. */
function createBlockedDatabase() {
  const blockedReads: (() => void)[] = [];
  const database: Writable<Database> = {
    ...testDatabase.database,
    async read(...args) {
      await new Promise<void>((resolve) => blockedReads.push(resolve));
      return testDatabase.database.read(...args);
    },
  };
  const unblock = () => {
    for (const blocked of blockedReads.splice(0)) blocked();
  };
  return { database, blockedReads, unblock };
}

test("over HTTP, requests beyond the limit wait, and requests beyond the queue are answered 429 with Retry-After", async () => {
  const { database, blockedReads, unblock } = createBlockedDatabase();
  const api = await createTestApi(database, { tenantConcurrency: 3, tenantQueue: 4 });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "kettle" }] } });
  const pending = Array.from({ length: 12 }, () =>
    api.call("POST", "/v1/query", { key, body: { query: "kettle", mode: "keyword" } }),
  );
  const refused = await vi.waitUntil(async () => {
    const done = (await Promise.all(pending.map((response) => Promise.race([response, undefined])))).filter(
      (response) => !!response,
    );
    return done.length === 5 ? done : undefined;
  });
  for (const answer of refused) {
    expect(answer).toMatchObject({ status: 429, body: { code: "tenant_busy" } });
    expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
  }
  expect(blockedReads.length).toBeLessThanOrEqual(3);
  const other = await api.addTenant();
  expect((await api.call("GET", "/v1/collections", { key: other.key })).status).toBe(200);
  const timer = setInterval(unblock, 5);
  const statuses = (await Promise.all(pending)).map(({ status }) => status);
  clearInterval(timer);
  expect(statuses.filter((status) => status === 200)).toHaveLength(7);
});

const BY_TEXT = { $contains: "kettle" };
const KETTLE = { query: `kettle${" x".repeat(30_000)}` };

test.each([
  ["large bodies", 2, "POST", "/v1/query", { queries: [KETTLE, KETTLE], mode: "keyword" }],
  ["long pages", 1, "GET", "/v1/documents?limit=1000", undefined],
  ["many ids", 1, "POST", "/v1/documents/get", { ids: Array.from({ length: 101 }, (_, n) => `id${n}`) }],
  ["lists by text", 1, "GET", `/v1/documents?where_document=${encodeURIComponent(JSON.stringify(BY_TEXT))}`, undefined],
  ["counts by text", 1, "POST", "/v1/documents/count", { where_document: BY_TEXT }],
  [
    "many hits with vectors",
    1,
    "POST",
    "/v1/query",
    { query: "kettle", mode: "keyword", top_k: 101, include: ["embedding"] },
  ],
  ["many hits", 1, "POST", "/v1/query", { query: "kettle", mode: "keyword", top_k: 1_000 }],
  ["conditions on the text", 1, "POST", "/v1/query", { query: "kettle", mode: "keyword", where_document: BY_TEXT }],
])(
  "over HTTP, %s of a tenant wait for each other, and its short searches do not",
  async (_, limit, method, path, body) => {
    const { database, blockedReads, unblock } = createBlockedDatabase();
    const api = await createTestApi(database, {});
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "kettle" }] } });
    database.transaction = async (...args) => {
      await new Promise<void>((resolve) => blockedReads.push(resolve));
      return testDatabase.database.transaction(...args);
    };
    const large = Array.from({ length: 6 }, () => api.call(method, path, { key, body }));
    await vi.waitFor(() => expect(blockedReads.length).toBe(limit), WAIT);
    await sleep(50);
    expect(blockedReads.length).toBe(limit);
    const short = api.call("POST", "/v1/query", { key, body: { query: "kettle", mode: "keyword" } });
    await vi.waitFor(() => expect(blockedReads.length).toBe(limit + 1), WAIT);
    const timer = setInterval(unblock, 5);
    for (const { status } of await Promise.all([short, ...large])) expect(status).toBe(200);
    clearInterval(timer);
  },
);

test.runIf(serverUrl())(
  "on a server, 30 slow searches of one tenant do not block another tenant",
  async () => {
    const database = connectPg({ url: testDatabase.url as string, connections: 10 });
    const slow: Database = {
      ...database,
      // Makes the search as slow as a scan of many rows.
      read: (statements, options) =>
        options?.settings?.["cairn.tenant_id"] === slowTenant
          ? database.transaction(async ({ script }) => {
              await script("SELECT pg_sleep(4)");
              return statements.map(() => []);
            }, options.settings)
          : database.read(statements, options),
    };
    let slowTenant = "";
    try {
      const api = await createTestApi(slow);
      const [a, b] = [await api.addTenant(), await api.addTenant()];
      const body = { documents: [{ id: "a", content: "kettle" }] };
      for (const { key } of [a, b]) await api.call("POST", "/v1/documents", { key, body });
      const search = (key: string) =>
        api.call("POST", "/v1/query", { key, body: { query: "kettle", mode: "keyword" } });
      await search(b.key);
      slowTenant = a.id;
      let ended = 0;
      const working = Array.from({ length: 30 }, () => search(a.key).finally(() => ended++));
      await sleep(300);
      for (let n = 0; n < 5; n++) expect((await search(b.key)).status).toBe(200);
      expect(ended).toBe(0);
      for (const { status } of await Promise.all(working)) expect([200, 429, 504]).toContain(status);
    } finally {
      await database.close();
    }
  },
  60_000,
);

test("a streamed response holds no connection while the model is thinking", async () => {
  const chat = await startChatApi();
  let open = 0;
  const count = async <T>(work: () => Promise<T>) => {
    open++;
    return work().finally(() => open--);
  };
  const database: Database = {
    ...testDatabase.database,
    read: (...args) => count(() => testDatabase.database.read(...args)),
    transaction: (...args) => count(() => testDatabase.database.transaction(...args)),
  };
  const chatModel = createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url });
  const api = await createTestApi(database, { chatModel, tenantConcurrency: 1, tenantStreams: 2 });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "kettle" }] } });
  chat.always({ kind: "hang", after: ["You may"] });
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "kettle?" }] });
  const stream = () => api.app.request("/v1/chat", { method: "POST", headers, body });
  const answers = [await stream(), await stream()];
  try {
    for (const { status } of answers) expect(status).toBe(200);
    await vi.waitFor(() => expect(open).toBe(0));
    expect((await api.call("GET", "/v1/collections", { key })).status).toBe(200); // neither of the streams holds the slot
    expect((await stream()).status).toBe(429);
  } finally {
    await Promise.all(answers.map((answer) => answer.body?.cancel()));
    await chat.stop();
  }
});
