import { setTimeout as sleep } from "node:timers/promises";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { createAdmission } from "./concurrency.ts";
import type { Place } from "./place.ts";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

const never = new AbortController().signal;

test("a tenant's requests are admitted a few at a time, in the order they came, and another tenant's at once", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 2, tenantQueue: 2 });
  const [first, second] = [await enter("a", never), await enter("a", never)];
  const order: string[] = [];
  const waiting = ["third", "fourth"].map((name) =>
    enter("a", never).then((place) => {
      order.push(name);
      return place;
    }),
  );
  await expect(enter("a", never)).rejects.toMatchObject({
    code: "tenant_busy",
    retryAfter: expect.any(Number),
  });
  (await enter("b", never)).leave();
  expect(order).toEqual([]);
  first.leave();
  first.leave(); // once is enough
  await vi.waitFor(() => expect(order).toEqual(["third"]));
  second.leave();
  for (const place of await Promise.all(waiting)) place.leave();
  expect(order).toEqual(["third", "fourth"]);
  expect(size()).toBe(0);
});

test("who waits too long, or leaves, gives up its place in the line", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 1, queueTimeout: 20 });
  const place = await enter("a", never);
  await expect(enter("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  const caller = new AbortController();
  const left = enter("a", caller.signal);
  caller.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  place.leave();
  (await enter("a", never)).leave();
  expect(size()).toBe(0);
});

test("a streamed answer gives its place to the next request and counts among streams", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 1, tenantStreams: 1 });
  const stream = await enter("a", never);
  stream.stream();
  const request = await enter("a", never);
  expect(() => request.stream()).toThrow(/1 streamed answers open/);
  request.leave();
  stream.leave();
  expect(size()).toBe(0);
});

test("of a tenant's large requests two are worked on at once, and its others beside them", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 4 });
  const places = await Promise.all([1, 2, 3, 4].map(() => enter("a", never)));
  const [first, second, third, fourth] = places as [Place, Place, Place, Place];
  await Promise.all([first.large("write"), second.large("write")]);
  await first.large("write"); // once is enough
  let admitted = false;
  const waiting = third.large("write").then(() => {
    admitted = true;
  });
  await sleep(20);
  expect(admitted).toBe(false);
  fourth.leave();
  (await enter("a", never)).leave();
  first.leave();
  await waiting;
  second.leave();
  third.leave();
  const last = await enter("a", never);
  await last.large("write");
  last.leave();
  expect(size()).toBe(0);
});

test("the place of a request that its runtime has dropped without a word is free again when its time is over twice", async () => {
  const { enter } = createAdmission({ tenantConcurrency: 1, queueTimeout: 20, deadline: 200 });
  await enter("a", never); // never left
  await expect(enter("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  await sleep(500);
  const place = await enter("a", never);
  await expect(enter("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  place.leave();
  (await enter("a", never)).leave();
});

test("a request that leaves late, or twice, does not forget the requests that came after it", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 1, queueTimeout: 20 });
  const early = await enter("a", never);
  early.leave();
  const next = await enter("a", never);
  early.leave();
  expect(size()).toBe(1);
  await expect(enter("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  next.leave();
  expect(size()).toBe(0);
});

test("who waits for a place among the large requests and leaves gives it back when it comes", async () => {
  const { enter, size } = createAdmission({ tenantConcurrency: 3, queueTimeout: 20 });
  const places = await Promise.all([1, 2, 3].map(() => enter("a", never)));
  const [first, second, third] = places as [Place, Place, Place];
  await Promise.all([first.large("write"), second.large("write")]);
  await expect(third.large("write")).rejects.toThrow(/2 large requests under way at once/);
  third.leave();
  first.leave();
  const next = await enter("a", never);
  await next.large("write");
  next.leave();
  second.leave();
  expect(size()).toBe(0);
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A busy machine is no failure. */
const WAIT = { timeout: 20_000 };

/** A database whose reads stay open until they are let go. */
function holding() {
  const held: (() => void)[] = [];
  const database: Writable<Database> = {
    ...own.database,
    async read(...given) {
      await new Promise<void>((resolve) => held.push(resolve));
      return own.database.read(...given);
    },
  };
  const letGo = () => {
    for (const one of held.splice(0)) one();
  };
  return { database, held, letGo };
}

test("over HTTP, what a tenant sends beyond its requests at once waits, and beyond that is 429 with Retry-After", async () => {
  const { database, held, letGo } = holding();
  const api = await createTestApi(database, { tenantConcurrency: 3, tenantQueue: 4 });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "kettle" }] } });
  const asking = Array.from({ length: 12 }, () =>
    api.call("POST", "/v1/query", { key, body: { query: "kettle", mode: "keyword" } }),
  );
  const refused = await vi.waitUntil(async () => {
    const done = (await Promise.all(asking.map((one) => Promise.race([one, undefined])))).filter(
      (one) => !!one,
    );
    return done.length === 5 ? done : undefined;
  });
  for (const answer of refused) {
    expect(answer).toMatchObject({ status: 429, body: { code: "tenant_busy" } });
    expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
  }
  expect(held.length).toBeLessThanOrEqual(3);
  const other = await api.addTenant();
  expect((await api.call("GET", "/v1/collections", { key: other.key })).status).toBe(200);
  const timer = setInterval(letGo, 5);
  const statuses = (await Promise.all(asking)).map(({ status }) => status);
  clearInterval(timer);
  expect(statuses.filter((status) => status === 200)).toHaveLength(7);
});

const KETTLE = { query: `kettle${" x".repeat(30_000)}` };
test.each([
  ["large bodies", 2, "POST", "/v1/query", { queries: [KETTLE, KETTLE], mode: "keyword" }],
  ["long pages", 1, "GET", "/v1/documents?limit=1000", undefined],
  ["many hits", 1, "POST", "/v1/query", { query: "kettle", mode: "keyword", top_k: 1_000 }],
  [
    "conditions on the text",
    1,
    "POST",
    "/v1/query",
    { query: "kettle", mode: "keyword", where_document: { $contains: "kettle" } },
  ],
])(
  "over HTTP, %s of a tenant wait for one another, and its short searches do not",
  async (_, most, method, path, body) => {
    const { database, held, letGo } = holding();
    const api = await createTestApi(database, {});
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "kettle" }] } });
    database.transaction = async (...given) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return own.database.transaction(...given);
    };
    const large = Array.from({ length: 6 }, () => api.call(method, path, { key, body }));
    await vi.waitFor(() => expect(held.length).toBe(most), WAIT);
    await sleep(50);
    expect(held.length).toBe(most);
    const short = api.call("POST", "/v1/query", { key, body: { query: "kettle", mode: "keyword" } });
    await vi.waitFor(() => expect(held.length).toBe(most + 1), WAIT);
    const timer = setInterval(letGo, 5);
    for (const { status } of await Promise.all([short, ...large])) expect(status).toBe(200);
    clearInterval(timer);
  },
);

test.runIf(serverUrl())(
  "on a server, 30 slow searches of one tenant leave another served in the meantime",
  async () => {
    const database = connectPg({ url: own.url as string, connections: 10 });
    const slow: Database = {
      ...database,
      // The search itself, as slow as a scan of many rows: held by a statement of the database's own.
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

test("an answer that is streamed holds no connection while the model thinks", async () => {
  const chat = await startChatApi();
  let open = 0;
  const count = async <T>(work: () => Promise<T>) => {
    open++;
    return work().finally(() => open--);
  };
  const database: Database = {
    ...own.database,
    read: (...given) => count(() => own.database.read(...given)),
    transaction: (...given) => count(() => own.database.transaction(...given)),
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
    expect((await api.call("GET", "/v1/collections", { key })).status).toBe(200); // neither of the two has its place
    expect((await stream()).status).toBe(429);
  } finally {
    await Promise.all(answers.map((one) => one.body?.cancel()));
    await chat.stop();
  }
});
