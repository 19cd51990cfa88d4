import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { lockCollection } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { connectPg } from "../database/pg.ts";
import { selectRows } from "../database/rows.ts";
import { withTimeLimit } from "../database/time-limit.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { embedWithCache } from "../embedding/cache.ts";
import type { Embedder } from "../embedding/embedder.ts";
import { createTenant } from "../tenant/tenant.ts";
import { deleteDocuments } from "./delete.ts";
import { ingest } from "./ingest.ts";
import { updateDocuments } from "./update.ts";

// Concurrent writers of the same rows. PGlite has only one connection, so these tests need a server.

describe.runIf(serverUrl())("concurrent writers of the same documents", () => {
  const testDatabase = useTestDatabase();
  const tenantId = useTenant(testDatabase);
  beforeAll(async () => {
    await createCollection(testDatabase.database, tenantId, { embeddingModel: null, dimensions: 8 });
  });

  /** Runs `work` on separate connections and returns the number of deadlocks that Postgres counted in the meantime. */
  async function deadlocksDuring(work: (database: Database) => Promise<unknown>): Promise<number> {
    const readDeadlocks = async () => {
      const [row] = await testDatabase.database.transaction(({ orm }) =>
        selectRows<{ deadlocks: number }>(
          orm,
          sql`SELECT deadlocks::int AS deadlocks FROM pg_stat_database WHERE datname = current_database()`,
        ),
      );
      return row?.deadlocks ?? 0;
    };
    const before = await readDeadlocks();
    const database = connectPg({ url: testDatabase.url as string, connections: 25 });
    try {
      await work(database);
    } finally {
      await database.close(); // a server process reports its counts when it ends
    }
    return (await readDeadlocks()) - before;
  }

  const ids = Array.from({ length: 200 }, (_, n) => `${n % 2 ? "Ä" : "a"}${"\u{1F600}\uFF5E".charAt(n % 3)}${n}`);
  const shuffled = (seed: number) =>
    ids.toSorted(
      (a, b) =>
        ((a.length + a.charCodeAt(a.length - 1) * seed) % 17) - ((b.length + b.charCodeAt(b.length - 1) * seed) % 17),
    );
  const embedding = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

  test("do not deadlock or fail, whatever the order of their ids", async () => {
    const deadlocks = await deadlocksDuring((database) =>
      Promise.all(
        Array.from({ length: 25 }, async (_, writer) => {
          for (let round = 0; round < 4; round++) {
            const order = writer % 2 ? shuffled(writer + round).toReversed() : shuffled(writer + round);
            const documents = order.map((id) => ({
              id,
              content: `by ${writer}`,
              embedding,
              metadata: { writer },
            }));
            await ingest(offlineServices(database), tenantId, { documents });
          }
        }),
      ),
    );
    expect(deadlocks).toBe(0);
  });

  test("do not deadlock with updates, or with deletes by ids or by filter", async () => {
    const deadlocks = await deadlocksDuring((database) =>
      Promise.all(
        Array.from({ length: 24 }, async (_, writer) => {
          for (let round = 0; round < 4; round++) {
            const order = writer % 2 ? shuffled(writer).toReversed() : shuffled(writer);
            if (writer % 4 === 0) await deleteDocuments(database, tenantId, { ids: order });
            else if (writer % 4 === 1)
              await deleteDocuments(database, tenantId, { filter: { writer: { $lt: 1_000 } } });
            else if (writer % 4 === 2)
              await updateDocuments(database, tenantId, {
                documents: order.map((id) => ({ id, metadata: { updater: writer } })),
              });
            else {
              const documents = order.map((id) => ({
                id,
                content: `by ${writer}`,
                embedding,
                metadata: { writer },
              }));
              await ingest(offlineServices(database), tenantId, { documents });
            }
          }
        }),
      ),
    );
    expect(deadlocks).toBe(0);
  });

  test("do not deadlock on the embedding cache, whatever the order of their texts", async () => {
    const embedder: Embedder = {
      model: "test/model",
      async embed(texts, { onBatch }) {
        const vectors = texts.map(() => embedding);
        await onBatch?.(vectors.map((vector, index) => ({ index, vector })));
        return vectors;
      },
    } as Embedder;
    const deadlocks = await deadlocksDuring(async (database) => {
      for (let round = 0; round < 5; round++) {
        const texts = Array.from({ length: 2_000 }, (_, n) => `text ${n} of round ${round}`);
        const one = (writer: number) =>
          embedWithCache(database, tenantId, embedder, writer % 2 ? texts.toReversed() : texts, {
            dimensions: 8,
          });
        await Promise.all(Array.from({ length: 12 }, (_, writer) => one(writer)));
      }
    });
    expect(deadlocks).toBe(0);
  });

  test("retry a transaction that lost a deadlock, so that both commit", async () => {
    const { id: other } = await createTenant(testDatabase.database);
    const bothLocked = Promise.withResolvers<void>();
    let locked = 0;
    let runs = 0;
    const locks = (first: string, second: string) =>
      asAdmin(testDatabase.database, async ({ orm }) => {
        runs++;
        await orm.execute(sql`UPDATE cairn.tenants SET settings = settings WHERE id = ${first}::uuid`);
        if (++locked === 2) bothLocked.resolve();
        await bothLocked.promise;
        await orm.execute(sql`UPDATE cairn.tenants SET settings = settings WHERE id = ${second}::uuid`);
        return first;
      });
    expect(await Promise.all([locks(tenantId, other), locks(other, tenantId)])).toEqual([tenantId, other]);
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  describe("a collection that another transaction has locked", () => {
    /** Runs `work` while another transaction is about to replace the tenant's collection. */
    const whileLocked = (work: () => Promise<unknown>) =>
      asTenant(testDatabase.database, tenantId, async ({ orm }) => {
        await orm.execute(sql`SELECT FROM cairn.collections WHERE tenant_id = ${tenantId}::uuid FOR UPDATE`);
        return work();
      });

    test("times out a waiting statement by its statement timeout and by its lock timeout", async () => {
      const timeout = { code: "database_timeout" };
      await whileLocked(async () => {
        await expect(
          deleteDocuments(withTimeLimit(testDatabase.database, 300), tenantId, { ids: ["x"] }),
        ).rejects.toMatchObject(timeout);
        await expect(
          asTenant(testDatabase.database, tenantId, ({ orm }) => lockCollection(orm, tenantId), {
            lock_timeout: 50,
          }),
        ).rejects.toMatchObject(timeout);
      });
    });

    test("is looked up again if its name has moved in the meantime", async () => {
      await createCollection(testDatabase.database, tenantId, { name: "moving", embeddingModel: null });
      let waiting: Promise<unknown> = Promise.resolve();
      const next = await createCollection(testDatabase.database, tenantId, {
        name: "next",
        embeddingModel: null,
      });
      await asTenant(testDatabase.database, tenantId, async ({ orm }) => {
        await orm.execute(sql`UPDATE cairn.collections SET name = 'moved' WHERE name = 'moving'`);
        waiting = asTenant(testDatabase.database, tenantId, (other) => lockCollection(other.orm, tenantId, "moving"));
        await new Promise((resolve) => setTimeout(resolve, 100));
        await orm.execute(sql`UPDATE cairn.collections SET name = 'moving' WHERE name = 'next'`);
      });
      expect(await waiting).toMatchObject({ id: next.id });
    });
  });
});
