import { randomBytes } from "node:crypto";
import { type MigrateOptions, migrate } from "@cairn/chroma/migrate.ts";
import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { type Plan, planMigration } from "@cairn/chroma/plan/plan.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { ChromaOptions } from "@cairn/chroma/source/options.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { type SQL, sql } from "drizzle-orm";
import { expect } from "vitest";
import { type ChromaCollectionHandle, createChromaCollection, tenantName } from "./fill-chroma.ts";
import type { DatabaseFixture } from "./fixture.ts";
import { offlineServices } from "./services.ts";

/** Creates a separate database in the shared Chroma server, so that a migration sees nothing else. */
export async function createChromaDatabase(
  url: string,
  { tenant = "default_tenant", name = uniqueName() } = {},
): Promise<string> {
  await createInChroma(`${url}/api/v2/tenants/${tenant}/databases`, name);
  return name;
}

/** Creates a separate Chroma tenant without databases. */
export async function createChromaTenant(url: string): Promise<string> {
  const name = uniqueName();
  await createInChroma(`${url}/api/v2/tenants`, name);
  return name;
}

async function createInChroma(address: string, name: string): Promise<void> {
  const reply = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!reply.ok) throw new Error(`Chroma responded with ${reply.status}: ${await reply.text()}`);
}

const uniqueName = () => `test_${randomBytes(8).toString("hex")}`;

/** Creates a collection with a name in the default pattern. Its metric is l2, whose vectors Chroma returns bit by bit. */
export async function createTenantCollection(
  url: string,
  database: string,
  options: { readonly space?: string; readonly collection?: string } = {},
): Promise<ChromaCollectionHandle & { readonly tenant: string }> {
  const { name, tenant } = tenantName(options.collection);
  return { ...(await createChromaCollection(url, name, { space: options.space ?? "l2", database })), tenant };
}

export async function deleteChromaCollection(
  url: string,
  database: string,
  { name }: { readonly name: string },
): Promise<void> {
  const path = `/api/v2/tenants/default_tenant/databases/${database}/collections/${encodeURIComponent(name)}`;
  const reply = await fetch(`${url}${path}`, { method: "DELETE" });
  if (!reply.ok) throw new Error(`Chroma responded with ${reply.status}: ${await reply.text()}`);
}

/** A source with few and fast retries, so that tests do not wait. */
export function openTestSource(url: string, options: Partial<ChromaOptions> = {}): Promise<Source> {
  return openSource({ url, attempts: 3, backoff: 5, timeout: 10_000, ...options });
}

/** Migrates one Chroma database in pages of 40. Does not compare searches by default. */
export async function migrateDatabase(
  database: Database,
  source: Source | string,
  chromaDatabase: string,
  options: Partial<MigrateOptions> = {},
): Promise<MigrationReport> {
  return migrate(offlineServices(database), typeof source === "string" ? await openTestSource(source) : source, {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    pageSize: 40,
    scope: { databases: [chromaDatabase] },
    ...options,
  });
}

/** Rows of a statement that the owner runs without row-level security. */
export function ownerRows<Row extends object>(database: Database, statement: SQL): Promise<readonly Row[]> {
  return database.transaction(async ({ orm, script }) => {
    await script("SET LOCAL row_security = off");
    return selectRows<Row>(orm, statement);
  });
}

/** A record of either side in a comparable form. */
export interface Comparable {
  readonly document: string | null;
  readonly metadata: object;
  readonly uri: string | null;
  readonly vector: readonly number[] | null;
}

/** The records in Chroma, read without the code under test. */
export async function readChroma({ url }: ChromaCollectionHandle): Promise<Record<string, Comparable>> {
  const reply = await fetch(`${url}/get`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ include: ["documents", "metadatas", "uris", "embeddings"] }),
  });
  const all = (await reply.json()) as {
    ids: string[];
    documents: (string | null)[];
    metadatas: (object | null)[];
    uris: (string | null)[];
    embeddings: number[][];
  };
  return Object.fromEntries(
    all.ids.map((id, index) => [
      id,
      {
        document: all.documents[index] ?? null,
        metadata: all.metadatas[index] ?? {},
        uri: all.uris[index] ?? null,
        vector: (all.embeddings[index] as number[]).map((element) => Math.fround(element)),
      },
    ]),
  );
}

/** The records of a tenant's collection in Postgres, read without the code under test. Ids must need no encoding. */
export async function readCairn(
  database: Database,
  tenant: string,
  collection = "knowledge",
): Promise<Record<string, Comparable>> {
  const rows = await ownerRows<{
    id: string;
    content: string | null;
    metadata: object;
    uri: string | null;
    embedding: string | null;
  }>(
    database,
    sql`SELECT d.id, d.content, d.metadata, d.uri, d.embedding::text AS embedding
        FROM cairn.documents AS d JOIN cairn.collections AS c ON c.tenant_id = d.tenant_id AND c.id = d.collection_id
        WHERE d.tenant_id = ${tenant}::uuid AND c.name = ${collection}`,
  );
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  return Object.fromEntries(
    rows.map(({ id, content, metadata, uri, embedding }) => [
      id,
      {
        document: content,
        metadata,
        uri,
        vector: embedding ? (JSON.parse(embedding) as number[]).map((element) => Math.fround(element)) : null,
      },
    ]),
  );
}

/** Expects the same ids, texts, metadata, URIs and vectors on both sides. */
export async function expectSame(
  database: Database,
  collection: ChromaCollectionHandle & { readonly tenant: string },
  name = "knowledge",
): Promise<void> {
  expect(await readCairn(database, collection.tenant, name)).toEqual(await readChroma(collection));
}

/** The plan of a migration of one Chroma database. */
export async function planDatabase(
  { database, services }: DatabaseFixture,
  url: string,
  { chromaDatabase, ...options }: PlanOptions & { readonly chromaDatabase: string },
): Promise<Plan> {
  const collections = await (await openTestSource(url)).listCollections({ databases: [chromaDatabase] });
  return planMigration(collections, database, services.embedders, options);
}

/** Number of rows in each table that a migration writes. */
export async function countRows(database: Database): Promise<readonly (number | undefined)[]> {
  const count = async (table: string) => {
    const [row] = await ownerRows<{ n: number }>(
      database,
      sql`SELECT count(*)::int AS n FROM cairn.${sql.identifier(table)}`,
    );
    return row?.n;
  };
  return Promise.all(["tenants", "collections", "documents", "migration_runs", "migration_collections"].map(count));
}
