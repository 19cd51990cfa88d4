import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { query } from "../search/query.ts";
import { createTenant } from "../tenant/tenant.ts";
import type { Database } from "./database.ts";
import { connectPg } from "./pg.ts";
import { selectRows } from "./rows.ts";
import { withTimeLimit } from "./time-limit.ts";
import { tenantSettings } from "./transaction.ts";

describe.runIf(serverUrl())("prepared statements of a connection", () => {
  const own = useTestDatabase();
  let database: Database;
  let tenants: readonly string[];
  beforeAll(async () => {
    tenants = await Promise.all(
      ["a", "b"].map(async (name) => {
        const { id } = await createTenant(own.database, { name });
        await createCollection(own.database, id, { embeddingModel: null, dimensions: 2 });
        const documents = Array.from({ length: 20 }, (_, n) => ({
          id: `${name}${n}`,
          content: `${name} ${n}`,
          metadata: { n },
          embedding: new Float32Array([n + 1, 10]),
        }));
        await ingest(own.services, id, { documents });
        return id;
      }),
    );
    database = connectPg({ url: own.url as string, connections: 1 });
  });
  afterAll(() => database?.close());

  const preparedStatements = () =>
    database.transaction(({ orm }) =>
      selectRows<{ name: string; statement: string; generic: number; custom: number }>(
        orm,
        sql`SELECT name, statement, generic_plans::int AS generic, custom_plans::int AS custom FROM pg_prepared_statements`,
      ),
    );
  const search = (tenant = 0, options = {}) =>
    query(offlineServices(database), tenants[tenant] as string, {
      embedding: new Float32Array([1, 10]),
      topK: 3,
      ...options,
    });
  const ids = async (...args: Parameters<typeof search>) => (await search(...args)).map(({ id }) => id);

  test("a search is prepared once, and two tenants on one connection find their own rows", async () => {
    for (let turn = 0; turn < 10; turn++) {
      expect(await ids(0)).toEqual(["a0", "a1", "a2"]);
      expect(await ids(1, { embedding: new Float32Array([100, 10]) })).toEqual(["b19", "b18", "b17"]);
    }
    const searches = (await preparedStatements()).filter(({ statement }) => statement.includes("unnest"));
    expect(searches).toMatchObject([
      { generic: 9, custom: 0 },
      { generic: 9, custom: 0 },
    ]);
  });

  test("settings use one prepared statement for all tenants and time limits", async () => {
    for (let turn = 1; turn < 6; turn++)
      for (const tenant of [0, 1]) {
        const services = { ...offlineServices(database), database: withTimeLimit(database, 9_000 + turn) };
        await query(services, tenants[tenant] as string, { embedding: new Float32Array([1, 10]) });
      }
    const settings = (await preparedStatements()).filter(({ statement }) => statement.includes("set_config"));
    expect(settings.map(({ statement }) => /statement_timeout|cairn/.test(statement))).toEqual([false, false]); // with a limit and without
  });

  test("a filtered search is not prepared, so that Postgres plans it with its values each time", async () => {
    const before = await preparedStatements();
    for (let n = 3; n < 9; n++) expect(await ids(0, { filter: { n } })).toEqual([`a${n}`]);
    expect((await preparedStatements()).map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  });

  test("a prepared search uses a new index, and still works after the index is dropped", async () => {
    const services = own.services;
    const at = (n: number) => new Float32Array([Math.cos(n / 10), Math.sin(n / 10)]);
    const far = Array.from({ length: 60 }, (_, n) => ({
      id: `far${n}`,
      content: "",
      embedding: at(n),
    }));
    const { id } = await createTenant(own.database, { name: "indexed" });
    await createCollection(own.database, id, {
      embeddingModel: null,
      dimensions: 2,
      indexSettings: { threshold: 30 },
    });
    await ingest(services, id, { documents: far });
    const nearest = () => query(offlineServices(database), id, { embedding: at(20), topK: 1 });
    const searchRepeatedly = async () => {
      for (let turn = 0; turn < 3; turn++) expect(await nearest()).toMatchObject([{ id: "far20" }]);
    };
    await searchRepeatedly();
    await maintainIndexes(own.database, { tenantId: id });
    await searchRepeatedly();
    const [prepared] = (await preparedStatements()).filter(({ statement }) => /unnest.*halfvec/s.test(statement));
    const vectors = `'{"[${at(20).join(",")}]"}'`;
    const explained = await database.transaction(async ({ orm, set }) => {
      await set({
        ...tenantSettings(id),
        enable_seqscan: "off",
        enable_sort: "off",
        plan_cache_mode: "force_generic_plan",
      });
      return selectRows<{ "QUERY PLAN": string }>(
        orm,
        sql.raw(`EXPLAIN EXECUTE "${prepared?.name}" (${vectors}, 6, 6, 1, 1)`),
      );
    });
    const lines = explained.map((line) => line["QUERY PLAN"]).join("\n");
    expect(lines).toMatch(/Index Scan using vector_\w+ on documents_\d\d/);
    expect(lines).toMatch(/documents_\d\d_tenant_id_collection_id_segment_idx/); // the tail, by its segment
    expect(lines).not.toMatch(/Seq Scan/);
    const rows = await own.database.transaction(({ orm }) =>
      selectRows<{ name: string }>(orm, sql`SELECT name FROM cairn.collection_indexes WHERE tenant_id = ${id}::uuid`),
    );
    expect(rows).not.toEqual([]);
    await own.database.maintain(rows.map(({ name }) => `DROP INDEX cairn."${name}"`));
    await searchRepeatedly();
  });

  test("a statement is prepared again after a column has changed its type", async () => {
    const change = (type: string) =>
      own.database.transaction(({ script }) => script(`ALTER TABLE cairn.documents ALTER COLUMN uri TYPE ${type}`));
    await ids();
    await ids();
    await change("varchar");
    try {
      for (let turn = 0; turn < 3; turn++) expect(await ids()).toEqual(["a0", "a1", "a2"]);
    } finally {
      await change("text");
    }
    expect(await ids()).toEqual(["a0", "a1", "a2"]);
  });

  test("a statement that could not be prepared is evicted without an error", async () => {
    const unlock = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const collection = "blocked";
    await createCollection(own.database, tenants[0] as string, { name: collection, embeddingModel: null });
    const limited = withTimeLimit(database, 60_000);
    const blocked = { collection, embedding: new Float32Array([1, 1]) };
    expect(await ids(0, blocked)).toEqual([]);
    const lock = own.database.transaction(async ({ script }) => {
      await script("LOCK TABLE cairn.collections IN ACCESS EXCLUSIVE MODE");
      locked.resolve();
      await unlock.promise;
    });
    await locked.promise;
    await expect(
      query(offlineServices(withTimeLimit(database, 300)), tenants[0] as string, blocked),
    ).rejects.toMatchObject({ code: "database_timeout" });
    unlock.resolve();
    await lock;
    for (let number = 0; number < 30; number++) {
      const other = { collection: `later${number}`, embedding: new Float32Array([1, 1]) };
      await createCollection(own.database, tenants[1] as string, {
        name: other.collection,
        embeddingModel: null,
        dimensions: 2,
      });
      for (let turn = 0; turn < 3; turn++)
        expect(await query(offlineServices(limited), tenants[1] as string, other)).toEqual([]);
    }
  });

  test("a connection keeps at most fifty prepared statements, the most recently used", async () => {
    for (let topK = 4; topK < 44; topK++)
      for (const tenant of [0, 1]) {
        const collection = `c${topK}`;
        await createCollection(own.database, tenants[tenant] as string, {
          name: collection,
          embeddingModel: null,
          dimensions: 2,
        });
        for (let turn = 0; turn < 3; turn++)
          expect(await ids(tenant, { collection, embedding: new Float32Array([1, 1]) })).toEqual([]);
      }
    const statements = await preparedStatements();
    expect(statements.length).toBeGreaterThan(40);
    expect(statements.length).toBeLessThanOrEqual(52); // the next search closes the last evicted ones
    for (let turn = 0; turn < 3; turn++) expect(await ids()).toEqual(["a0", "a1", "a2"]);
    expect((await preparedStatements()).length).toBeLessThanOrEqual(50);
  });

  test("after the server has lost its prepared statements, searches continue without them", async () => {
    await ids();
    await ids();
    expect(await preparedStatements()).not.toEqual([]);
    await database.transaction(({ script }) => script("DEALLOCATE ALL"));
    for (let turn = 0; turn < 3; turn++) expect(await ids()).toEqual(["a0", "a1", "a2"]);
    expect(await preparedStatements()).toEqual([]);
  });
});
