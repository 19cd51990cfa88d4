import { createCollection } from "@cairn/core/collection/create.ts";
import type { IndexSettings } from "@cairn/core/collection/index-settings.ts";
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
  /** A bare connection of the superuser's, beside the library. */
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
    embedders: createEmbedders({ offlineByDefault: true }),
    raw,
    async close() {
      await raw.end();
      await database.close();
    },
  };
}

/** Makes a tenant with one collection; returns its id. */
export async function makeTenant(
  cairn: Cairn,
  name: string,
  indexSettings: IndexSettings = {},
): Promise<string> {
  const { id } = await createTenant(cairn.database, { name });
  await createCollection(cairn.database, id, {
    embeddingModel: "offline/words",
    dimensions: DIMENSIONS,
    indexSettings,
  });
  return id;
}

/** Seconds that it takes to put documents with their vectors into the tenant's collection. */
export async function load(
  cairn: Cairn,
  tenantId: string,
  documents: readonly BenchDocument[],
): Promise<number> {
  const started = performance.now();
  await ingest(cairn, tenantId, { documents });
  return (performance.now() - started) / 1000;
}

/** What a database does by itself in the minutes after so much was written, now and not while something is measured. */
export async function settle({ raw }: Pick<Cairn, "raw">): Promise<void> {
  await raw.query("VACUUM (ANALYZE) cairn.documents");
  await raw.query("CHECKPOINT");
}

/** A search of the tenant's, as ids. */
export function searcher(cairn: Cairn, tenantId: string, filter?: object) {
  return async (embedding: Float32Array): Promise<readonly string[]> =>
    (await query(cairn, tenantId, { embedding, filter })).map(({ id }) => id);
}

/** The true ten nearest: every row compared, without an index and without the library. */
export async function exactAnswers(
  { raw }: Pick<Cairn, "raw">,
  tenantId: string,
  queries: readonly Float32Array[],
  condition = "true",
): Promise<readonly (readonly string[])[]> {
  await raw.query("SET enable_indexscan = off; SET jit = off");
  const answers: (readonly string[])[] = [];
  for (const embedding of queries) {
    const { rows } = await raw.query<{ id: string }>(
      `SELECT id FROM cairn.documents WHERE tenant_id = '${tenantId}' AND ${condition}
       ORDER BY embedding <=> (SELECT $1::vector) LIMIT 10`,
      [encodeVector(embedding)],
    );
    answers.push(rows.map(({ id }) => id));
  }
  await raw.query("RESET enable_indexscan; RESET jit");
  return answers;
}
