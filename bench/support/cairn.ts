import { createCollection } from "@cairn/core/collection/create.ts";
import type { IndexSettings } from "@cairn/core/database/collection-settings.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { encodeVector } from "@cairn/core/database/vector.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { Client } from "pg";
import { type BenchDocument, DIMENSIONS } from "./dataset.ts";

export interface Cairn extends Services {
  /** A driver connection as the superuser, outside of the library. */
  readonly raw: Client;
  close(): Promise<void>;
}

export async function openCairn(url: string): Promise<Cairn> {
  const database = connectPg({ url });
  await migrateSchema(database);
  const raw = new Client({ connectionString: url });
  await raw.connect();
  return {
    database,
    embedders: createEmbedders({ defaultModel: "offline/words" }),
    raw,
    async close() {
      await raw.end();
      await database.close();
    },
  };
}

/** Creates a tenant with one collection. Returns the tenant's id. */
export async function makeTenant(
  cairn: Cairn,
  name: string,
  indexSettings: IndexSettings = {},
  dimensions = DIMENSIONS,
): Promise<string> {
  const { id } = await createTenant(cairn.database, { name });
  await createCollection(cairn.database, id, {
    embeddingModel: "offline/words",
    dimensions,
    indexSettings,
  });
  return id;
}

/** Ingests documents with their vectors into the tenant's collection. Returns the seconds it took. */
export async function load(cairn: Cairn, tenantId: string, documents: readonly BenchDocument[]): Promise<number> {
  const started = performance.now();
  await ingest(cairn, tenantId, { documents });
  return (performance.now() - started) / 1000;
}

/** Runs VACUUM and CHECKPOINT, which Postgres would otherwise run during the measurement after so many writes. */
export async function settle({ raw }: Pick<Cairn, "raw">): Promise<void> {
  await raw.query("VACUUM (ANALYZE) cairn.documents");
  await raw.query("CHECKPOINT");
}

/** A search function for the tenant that returns ids. */
export function searcher(cairn: Cairn, tenantId: string, filter?: object) {
  return async (embedding: Float32Array): Promise<readonly string[]> =>
    (await query(cairn, tenantId, { embedding, filter })).map(({ id }) => id);
}

/** Ids of the ten true nearest neighbors of each query, found by comparing every row without an index and without the library. */
export async function exactNeighbors(
  { raw }: Pick<Cairn, "raw">,
  tenantId: string,
  queries: readonly Float32Array[],
  condition = "true",
): Promise<readonly (readonly string[])[]> {
  await raw.query("SET enable_indexscan = off; SET jit = off");
  const neighbors: (readonly string[])[] = [];
  for (const embedding of queries) {
    const { rows } = await raw.query<{ id: string }>(
      `SELECT id FROM cairn.documents WHERE tenant_id = '${tenantId}' AND ${condition}
       ORDER BY embedding <=> (SELECT $1::vector) LIMIT 10`,
      [encodeVector(embedding)],
    );
    neighbors.push(rows.map(({ id }) => id));
  }
  await raw.query("RESET enable_indexscan; RESET jit");
  return neighbors;
}
