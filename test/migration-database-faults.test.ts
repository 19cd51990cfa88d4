import { connectPg } from "@cairn/core/database/pg.ts";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { serverUrl, type TestDatabase } from "./support/database.ts";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
} from "./support/migration.ts";
import { startHttpProxy, startTcpProxy } from "./support/proxy.ts";

/** Maximum number of starts until a migration must have ended. */
const MAX_STARTS = 8;

describe.runIf(serverUrl())("Postgres behind a network that cuts connections", () => {
  const chroma = inject("chromaUrl");
  const testDb = useTestDatabase();
  let scope: string;
  let collection: Awaited<ReturnType<typeof createTenantCollection>>;
  beforeEach(async () => {
    scope = await createChromaDatabase(chroma);
    collection = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(160, 4));
  });

  /** A database behind a proxy, with a separate Chroma address and therefore a separate run. */
  async function behindProxy() {
    const server = new URL(testDb.url ?? "");
    const wire = await startTcpProxy({ host: server.hostname, port: Number(server.port || 5432) });
    server.host = `127.0.0.1:${wire.port}`;
    const database = connectPg({ url: server.href, connections: 3 });
    const proxy = await startHttpProxy(chroma);
    onTestFinished(async () => {
      await database.close();
      await wire.stop();
      await proxy.stop();
    });
    return { wire, database, url: proxy.url };
  }

  /** Restarts the migration until it ends. Every error that stops it must give the reason. */
  async function untilDone(database: TestDatabase["database"], url: string) {
    for (let start = 1; start <= MAX_STARTS; start++) {
      const result = await migrateDatabase(database, await openTestSource(url), scope).catch((error: unknown) => error);
      if (!(result instanceof Error))
        return { report: result as Awaited<ReturnType<typeof migrateDatabase>>, starts: start };
      expect(result).toMatchObject({
        code: "database_unavailable",
        message: expect.not.stringContaining("Passage"),
      });
    }
    throw new Error("The migration did not end.");
  }

  // Bytes that the client has sent over all its connections: inside handshakes, pages, cursors and commits. Not while the
  // lease is acquired, because this process then has it and stays alive.
  test.each([
    [300, 4_000, 9_000],
    [3_000, 13_000, 14_000, 22_000],
    [25_000, 33_000, 41_000],
  ])("connections cut after %i, %i, … bytes lose, duplicate and change no record", async (...offsets) => {
    const { wire, database, url } = await behindProxy();
    const remaining = [...offsets];
    let sent = 0;
    wire.onSend = (chunk) => {
      sent += chunk.length;
      const [offset] = remaining;
      if (offset === undefined || sent < offset) return undefined;
      remaining.shift();
      return Math.max(0, chunk.length - (sent - offset));
    };
    const { report } = await untilDone(database, url);
    expect(wire.cuts).toBeGreaterThan(0);
    expect(report).toMatchObject({
      verdict: "identical",
      totals: { sourceRecords: 160, targetRecords: 160, compared: 160 },
    });
    await expectSame(testDb.database, collection);
  });

  test("a statement that writes pages and loses its connection half-way is retried within the run", async () => {
    const { wire, database, url } = await behindProxy();
    let cut = 0;
    wire.onSend = (chunk) => {
      const at = chunk.indexOf("INSERT INTO cairn.documents");
      if (at < 0 || ++cut % 2 === 0) return undefined;
      return at + 200;
    };
    const { report, starts } = await untilDone(database, url);
    expect(wire.cuts).toBeGreaterThan(0); // pages that are ready at once are written by one statement
    expect(starts).toBe(1);
    expect(report).toMatchObject({ verdict: "identical", totals: { written: 160 } });
    await expectSame(testDb.database, collection);
  });

  test("a commit of pages whose response is lost is neither counted nor written twice", async () => {
    const { wire, database, url } = await behindProxy();
    const writing = new Set<number>();
    let commits = 0;
    wire.onSend = (chunk, { index }) => {
      if (chunk.includes("INSERT INTO cairn.documents")) writing.add(index);
      if (!chunk.includes("COMMIT") || !writing.delete(index)) return undefined;
      return ++commits % 2 === 1 ? "response" : undefined;
    };
    const { report } = await untilDone(database, url);
    expect(wire.cuts).toBeGreaterThan(0); // pages that are ready at once are written by one statement
    expect(report).toMatchObject({
      verdict: "identical",
      totals: { written: 160, sourceRecords: 160, targetRecords: 160 },
    });
    await expectSame(testDb.database, collection);
  });

  test("a commit of deletes whose response is lost leaves no record reported as extra", async () => {
    const { wire, database, url } = await behindProxy();
    await untilDone(database, url);
    await deleteRecords(collection, ["doc-0", "doc-159"]);
    wire.onSend = (chunk, { sent }) =>
      wire.cuts === 0 && chunk.includes("COMMIT") && sent.includes("DELETE FROM cairn.documents")
        ? "response"
        : undefined;
    const report = await migrateDatabase(database, await openTestSource(url), scope, { prune: true });
    expect(wire.cuts).toBe(1);
    expect(report).toMatchObject({
      verdict: "identical",
      differences: [],
      totals: { written: 2, targetRecords: 158 },
    });
    await expectSame(testDb.database, collection);
  });

  test("the error for an unreachable database does not contain the password", async () => {
    const { wire, url } = await behindProxy();
    await wire.stop();
    const database = connectPg({ url: `postgres://someone:s3cret@127.0.0.1:${wire.port}/none` });
    onTestFinished(() => database.close());
    const error = await migrateDatabase(database, url, scope).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "database_unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    expect((error as Error).message).not.toContain("s3cret");
  });
});
