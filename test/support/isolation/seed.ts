import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { createJob } from "@cairn/core/job/job.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { offlineServices } from "../services.ts";

/** Two tenants with rows in every table that a tenant can read. */
export interface TwoTenants {
  readonly a: SeededTenant;
  readonly b: SeededTenant;
}

export interface SeededTenant {
  readonly tenantId: string;
  readonly collectionId: string;
}

export async function seedTwoTenants(
  database: Database,
  { names: [a, b] = ["a", "b"] }: { readonly names?: readonly [string, string] } = {},
): Promise<TwoTenants> {
  return { a: await seedTenant(database, a), b: await seedTenant(database, b) };
}

async function seedTenant(database: Database, name: string): Promise<SeededTenant> {
  const { id: tenantId } = await createTenant(database, { name });
  const { id: collectionId } = await createCollection(database, tenantId, {
    embeddingModel: "offline/words",
    dimensions: 4,
  });
  const documents = ["first", "second"].map((id) => ({ id, content: `${name}'s ${id} document` }));
  await ingest(offlineServices(database), tenantId, { documents });
  await asTenant(database, tenantId, async ({ orm }) => {
    await orm.execute(sql`INSERT INTO cairn.embedding_cache (tenant_id, model, dimensions, content_hash, embedding)
                          VALUES (${tenantId}::uuid, 'openai/m', 2, '\\x00', '[1,2]')`);
    await orm.execute(sql`
      INSERT INTO cairn.collection_indexes
        (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
      VALUES (${tenantId}::uuid, ${collectionId}::uuid, 'gone', 'vector', 0, 0, '{}', 'retired', 0)`);
    await orm.execute(
      sql`INSERT INTO cairn.embedding_usage (tenant_id, day, tokens) VALUES (${tenantId}::uuid, '2020-01-01', 1)`,
    );
    await orm.execute(sql`
      INSERT INTO cairn.stored_totals (tenant_id, rows, bytes, measured_at) VALUES (${tenantId}::uuid, 2, 1000, now())`);
    await orm.execute(sql`
      INSERT INTO cairn.tombstones (tenant_id, lineage, id_hash) VALUES (${tenantId}::uuid, ${collectionId}::uuid, '\\x00')`);
    await orm.execute(sql`
      INSERT INTO cairn.evaluation_sets (tenant_id, name, questions, question_count, fingerprint)
      VALUES (${tenantId}::uuid, 'seeded', '{"questions": []}', 0, '')`);
    await orm.execute(sql`
      INSERT INTO cairn.evaluation_runs (tenant_id, set_id, fingerprint, started_by, summary, scores)
      VALUES (${tenantId}::uuid, gen_random_uuid(), '', 'request', '{}', '{}')`);
    await orm.execute(sql`
      INSERT INTO cairn.idempotency_keys (tenant_id, key, fingerprint, holder, held_until)
      VALUES (${tenantId}::uuid, 'k', '\\x00', gen_random_uuid(), now())`);
    await orm.execute(sql`
      INSERT INTO cairn.changes (tenant_id, collection_id, ids) VALUES (${tenantId}::uuid, ${collectionId}::uuid, '{first}')`);
  });
  const { id: namespaceId } = await createNamespace(database, { name: `of ${tenantId}`, settings: {} });
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase)
      VALUES (${tenantId}::uuid, ${namespaceId}::uuid, 'done')`),
  );
  await asAdmin(database, ({ orm }) =>
    orm.execute(
      sql`INSERT INTO cairn.usage_days (tenant_id, day, kind, n) VALUES (${tenantId}::uuid, '2020-01-01', 'requests', 1)`,
    ),
  );
  await createApiKey(database, tenantId, { name: "seeded" });
  await createJob(database, tenantId, { kind: "seeded", request: {} });
  return { tenantId, collectionId };
}
