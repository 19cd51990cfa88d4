import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectNeon } from "@cairn/core/database/neon.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { query } from "@cairn/core/search/query.ts";
import { createApiKey, listApiKeys } from "@cairn/core/tenant/api-key.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, createTestDatabase, onServer, serverUrl } from "./support/database.ts";
import { type NeonRelay, startNeonRelay } from "./support/neon-relay.ts";
import { offlineServices } from "./support/services.ts";

// A provider's settings for a database or a role apply to every connection. None of them may change a result.

const INHERITED: readonly string[] = [
  "DateStyle = 'SQL, DMY'",
  "DateStyle = 'German'",
  "array_nulls = off",
  "row_security = off",
  "search_path = ''",
  "IntervalStyle = iso_8601",
  "TimeZone = 'Asia/Kolkata'",
  "bytea_output = escape",
  "extra_float_digits = -15",
  "standard_conforming_strings = off",
  "default_transaction_isolation = serializable",
];

const DIMENSIONS = 8;
const ROWS = 120;

function vectorOf(n: number): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(n * 7 + at) + 0.123_456_789);
}

/** Writes as a new tenant and returns what it reads back, with nulls, dates and an index build. */
async function useDatabase(database: Database): Promise<unknown> {
  await assertIsolation(database);
  const { id: tenantId } = await createTenant(database);
  const expiresAt = new Date("2031-02-03T04:05:06.789Z");
  await createApiKey(database, tenantId, { expiresAt });
  const [key] = await listApiKeys(database, tenantId);
  const collection = "c";
  await createCollection(database, tenantId, {
    name: collection,
    embeddingModel: null,
    dimensions: DIMENSIONS,
    indexSettings: { threshold: 100 },
  });
  const documents = Array.from({ length: ROWS }, (_, n) => ({
    id: `d${String(n).padStart(3, "0")}`,
    content: n % 3 === 0 ? null : `word${n % 5} it's a \\ "quoted" text`,
    embedding: vectorOf(n),
    metadata: { n, big: 0.1 + n / 3 },
  }));
  const services = offlineServices(database);
  await ingest(services, tenantId, { collection, documents });
  await maintainIndexes(database, { tenantId, collection });
  const search = { collection, topK: 5 };
  return {
    expiresAt: key?.expiresAt,
    byVector: await query(services, tenantId, {
      ...search,
      embedding: vectorOf(3),
      filter: { n: { $gt: 10 } },
    }),
    byWords: await query(services, tenantId, { ...search, mode: "keyword", text: "word2" }),
    page: (await listDocuments(database, tenantId, { collection, limit: 3 })).documents.map(
      ({ createdAt: _created, updatedAt: _updated, ...rest }) => rest,
    ),
  };
}

describe.runIf(serverUrl())("settings inherited from the database", () => {
  let expected: unknown;
  let relay: NeonRelay;
  beforeAll(async () => {
    relay = await startNeonRelay();
    const testDatabase = await createTestDatabase();
    try {
      expected = await useDatabase(testDatabase.database);
    } finally {
      await testDatabase.drop();
    }
  });
  afterAll(() => relay?.stop());

  async function expectSame(name: string, setting: string): Promise<void> {
    const testDatabase = await createTestDatabase();
    const url = testDatabase.url as string;
    const databaseName = new URL(url).pathname.slice(1);
    await onServer(url, `ALTER DATABASE ${databaseName} SET ${setting}`);
    const database = name === "neon" ? connectNeon({ url }) : connectPg({ url });
    try {
      expect(await useDatabase(database)).toEqual(expected);
    } finally {
      await database.close();
      await testDatabase.drop();
    }
  }

  test.each(INHERITED)("%s changes nothing through node-postgres", (setting) => expectSame("pg", setting));
  test.each(INHERITED)("%s changes nothing through Neon's driver", (setting) => expectSame("neon", setting));

  test.each(["extensions", 'My "Schema"'])(
    "pgvector is found in the schema %j, which is not in the search path",
    async (schema) => {
      const empty = await createEmptyDatabase();
      const url = empty.url as string;
      const name = `"${schema.replaceAll('"', '""')}"`;
      await onServer(url, `CREATE SCHEMA ${name}`);
      await onServer(url, `CREATE EXTENSION vector SCHEMA ${name}`);
      const databases = [connectPg({ url }), connectNeon({ url })];
      try {
        for (const database of databases) {
          await migrateSchema(database);
          expect(await useDatabase(database)).toEqual(expected);
        }
      } finally {
        await Promise.all(databases.map((database) => database.close()));
        await empty.drop();
      }
    },
  );

  test("the schema migration refuses a database whose encoding is not UTF8 and says how to create one", async () => {
    const name = "cairn_test_latin";
    const server = serverUrl() as string;
    await onServer(server, `DROP DATABASE IF EXISTS ${name}`);
    await onServer(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    const url = new URL(server);
    url.pathname = name;
    const database = connectPg({ url: url.href });
    try {
      await expect(migrateSchema(database)).rejects.toMatchObject({
        code: "database_error",
        message: expect.stringMatching(/encoding is LATIN1.*ENCODING 'UTF8'/s),
      });
    } finally {
      await database.close();
      await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
});
