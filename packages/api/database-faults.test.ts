import { createServer } from "node:net";
import { connectPg } from "@cairn/core/database/pg.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { createTestApi, useTestApi } from "../../test/support/api.ts";
import { useResource, useTestDatabase } from "../../test/support/fixture.ts";
import { startTcpProxy } from "../../test/support/proxy.ts";
import { createApp } from "./app.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
const tenant = useResource(() => api.addTenant());

describe("a database that cannot be reached", () => {
  test("is answered 503 with Retry-After and without its address or password, and the process stays healthy", async () => {
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
    const server = new URL(testDatabase.url as string);
    const proxy = await startTcpProxy({ host: server.hostname, port: Number(server.port || 5432) });
    server.host = `127.0.0.1:${proxy.port}`;
    const database = connectPg({ url: server.href, connections: 2 });
    onTestFinished(async () => {
      await database.close();
      await proxy.stop();
    });
    return { proxy, api: await createTestApi(database) };
  }

  test("after any byte of a write leaves all documents or none, and a 200 means all", async () => {
    const { proxy, api: unreliable } = await behindProxy();
    const { key } = await unreliable.addTenant();
    await unreliable.call("POST", "/v1/documents", {
      key,
      body: { documents: [{ id: "seed", content: "seed" }] },
    });
    const outcomes = new Set<number>();
    for (let round = 0; round < 24; round++) {
      let sent = 0;
      const limit = 40 * (round + 1) ** 2;
      proxy.onSend = (chunk) => {
        sent += chunk.length;
        if (sent < limit) return undefined;
        proxy.onSend = () => undefined;
        return round % 3 === 0 ? "response" : Math.max(0, chunk.length - (sent - limit));
      };
      const documents = [1, 2, 3].map((n) => ({
        id: `r${round}-${n}`,
        content: `round ${round} number ${n}`,
      }));
      const answer = await unreliable.call("POST", "/v1/documents", { key, body: { documents } });
      proxy.onSend = () => undefined;
      outcomes.add(answer.status);
      expect([200, 503], answer.text).toContain(answer.status);
      const { body } = await unreliable.call("GET", "/v1/documents?limit=1000", { key });
      const written = documents.filter(({ id }) => body.documents.some((one: { id: string }) => one.id === id)).length;
      if (answer.status === 200) expect(written).toBe(3);
      else expect([0, 3]).toContain(written);
    }
    expect(outcomes).toContain(503);
    expect(proxy.cuts).toBeGreaterThan(10);
  });

  test("while a connection is idle causes no error", async () => {
    const { proxy, api: idle } = await behindProxy();
    const { key } = await idle.addTenant();
    await idle.call("POST", "/v1/documents", {
      key,
      body: { documents: [{ id: "seed", content: "seed" }] },
    });
    for (const request of [
      () => idle.call("POST", "/v1/query", { key, body: { query: "seed" } }),
      () => idle.call("GET", "/v1/collections", { key }),
      () => idle.call("POST", "/v1/documents", { key, body: { documents: [{ id: "x", content: "x" }] } }),
    ]) {
      let first = true;
      proxy.onSend = () => {
        if (!first) return undefined;
        first = false;
        return 0; // whatever is sent over the old connection is lost
      };
      expect((await request()).status).toBe(200);
    }
    expect(proxy.cuts).toBe(3);
  });

  test("is waited for when the database is asleep", async () => {
    const server = new URL(testDatabase.url as string);
    const port = await freePort();
    const sleepingUrl = new URL(server.href);
    sleepingUrl.host = `127.0.0.1:${port}`;
    const database = connectPg({ url: sleepingUrl.href, connections: 2 });
    const pending = createTestApi(database).then((connected) =>
      connected.call("GET", "/v1/tenants", { key: connected.operator }),
    );
    await new Promise((resolve) => setTimeout(resolve, 700));
    const proxy = await startTcpProxy({ host: server.hostname, port: Number(server.port || 5432) }, port);
    expect((await pending).status).toBe(200);
    await database.close();
    await proxy.stop();
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
