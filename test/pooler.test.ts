import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { countDocuments } from "@cairn/core/document/count.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { query } from "@cairn/core/search/query.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, serverUrl, type TestDatabase, withDatabase } from "./support/database.ts";
import { schemaSteps } from "./support/schema-steps.ts";
import { offlineServices } from "./support/services.ts";

// PgBouncer in transaction mode, like the poolers of Neon and Supabase: TEST_POOLER_URL is its URL, TEST_DATABASE_URL the
// server's. Transactions of several clients share server connections, and one client uses several of them.

const pooler = process.env.TEST_POOLER_URL;

describe.runIf(pooler && serverUrl())("behind a transaction pooler", () => {
  let empty: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    empty = await createEmptyDatabase();
    const { pathname } = new URL(empty.url as string);
    database = connectPg({ url: withDatabase(pooler as string, pathname.slice(1)), connections: 8 });
  });
  afterAll(async () => {
    await database?.close();
    await empty?.drop();
  });

  test("concurrent schema migrations apply each step once, and the isolation check passes", async () => {
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrateSchema(database)));
    const { length: steps } = await schemaSteps();
    expect(applied.map(({ length }) => length).sort((a, b) => a - b)).toEqual([0, 0, 0, steps]);
    await assertIsolation(database);
  });

  test("sequential and concurrent transactions of tenants leave no settings for each other", async () => {
    const tenants = await Promise.all(["a", "b", "c"].map((name) => createTenant(database, { name })));
    for (const { id } of tenants) await createCollection(database, id, { embeddingModel: null, dimensions: 2 });
    const backends = new Set<number>();
    const readAsTenant = (id: string) =>
      asTenant(database, id, async ({ orm }) => {
        await orm.execute(sql`SELECT pg_sleep(0.002)`);
        const rows = await selectRows<{ tenant: string; pid: number; role: string }>(
          orm,
          sql`SELECT tenant_id AS tenant, pg_backend_pid() AS pid, current_user AS role FROM cairn.collections`,
        );
        for (const { pid } of rows) backends.add(pid);
        expect(rows).toEqual([{ tenant: id, pid: expect.any(Number), role: "cairn_app" }]);
      });
    const readWithoutTenant = () =>
      database.transaction(async ({ orm }) => {
        const [remaining] = await selectRows(
          orm,
          sql`SELECT coalesce(current_setting('cairn.tenant_id', true), '') AS tenant, current_user = session_user AS login`,
        );
        expect(remaining).toEqual({ tenant: "", login: true });
      });
    const admin = () =>
      asAdmin(database, async ({ orm }) => {
        expect(await selectRows(orm, sql`SELECT current_user AS role`)).toEqual([{ role: "cairn_admin" }]);
      });
    const fail = (id: string) =>
      expect(asTenant(database, id, ({ orm }) => orm.execute(sql`SELECT 1/0`))).rejects.toThrow();
    await Promise.all(
      Array.from({ length: 30 }, (_, turn) =>
        tenants.map(({ id }) => [
          readAsTenant(id),
          readWithoutTenant(),
          admin(),
          turn % 5 ? readWithoutTenant() : fail(id),
        ]),
      ).flat(2),
    );
    const transactions = 30 * tenants.length;
    expect(backends.size, "server connections are shared").toBeLessThan(transactions / 4);
  });

  test("documents are ingested and found in several batches", async () => {
    const { id } = await createTenant(database, { name: "reader" });
    await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 32 });
    const services = offlineServices(database);
    const documents = Array.from({ length: 600 }, (_, n) => ({ id: `d${n}`, content: `kettle number${n}` }));
    await Promise.all([
      ingest(services, id, { documents: documents.slice(0, 300) }),
      ingest(services, id, { documents: documents.slice(300) }),
    ]);
    expect(await countDocuments(database, id)).toEqual({ documents: 600, passages: 600 });
    // More than five runs, because node-postgres or the server may prepare a statement after five.
    for (let run = 0; run < 8; run++) {
      const [first] = await query(services, id, { text: "number41", filter: { $not: { topic: "x" } } });
      expect(first?.content).toContain("number41");
      const [same] = await query(services, id, { text: "number41" });
      expect(same?.content).toContain("number41");
    }
    // A statement prepared in one server process would be missing in the next, or belong to another tenant.
    const prepared = await Promise.all(
      Array.from({ length: 8 }, () =>
        database.transaction(({ orm }) => selectRows(orm, sql`SELECT statement FROM pg_prepared_statements`)),
      ),
    );
    expect(prepared.flat()).toEqual([]);
  });
});

describe.runIf(serverUrl())("a pool of one connection", () => {
  test("serves two tenants in turn and leaves no settings of one for the other", async () => {
    const empty = await createEmptyDatabase();
    const database = connectPg({ url: empty.url as string, connections: 1 });
    try {
      await migrateSchema(database);
      const [a, b] = await Promise.all(["a", "b"].map((name) => createTenant(database, { name })));
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, turn) =>
          asTenant(database, (turn % 2 ? a : b)?.id as string, ({ orm }) =>
            selectRows<{ name: string }>(orm, sql`SELECT name FROM cairn.tenants`),
          ),
        ),
      );
      results.forEach((rows, turn) => {
        expect(rows).toEqual([{ name: turn % 2 ? "a" : "b" }]);
      });
    } finally {
      await database.close();
      await empty.drop();
    }
  });
});
