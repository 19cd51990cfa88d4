import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { ChromaPath } from "../protocol/path.ts";
import { insertRoutes, type RoutedCollection } from "./collections.ts";
import { insertDatabases, insertTenants, isChromaName } from "./databases.ts";
import { filterExisting } from "./existing.ts";
import type { NameRules } from "./name-rules.ts";

/** The part of a Chroma server whose collections are looked for. Absent parts: all. */
export interface AdoptScope extends Partial<ChromaPath> {
  readonly collectionId?: string;
}

interface Row extends ChromaPath {
  readonly tenant_id: string;
  readonly tenant_name: string;
  readonly collection_id: string;
}

/**
 * Adds the collections that migrations copied from these paths to the namespace, with their tenants and databases, so that
 * clients find them under their original names. Only paths that stand for the tenant to which the collection was copied
 * count, and only collections that exist.
 */
export async function adoptMigrated(
  database: Database,
  { namespaceId, rules }: { readonly namespaceId: string; readonly rules: NameRules },
  scope: AdoptScope,
): Promise<void> {
  const rows = await asAdmin(database, ({ orm }) => orm.selectRows<Row>(selectCandidates(namespaceId, scope)));
  const ofNamespace = rows.filter((row) => {
    const target = rules.find(row);
    const isSameTenant = target?.tenant === row.tenant_id || target?.tenant === row.tenant_name;
    return isSameTenant && isChromaName(row.tenant) && isChromaName(row.database);
  });
  const existing = await filterExisting(database, ofNamespace.map(toRouted));
  if (existing.length === 0) return;
  const adopted = firstOfEach(existing, ({ path }) => JSON.stringify([path.tenant, path.database, path.name]));
  const databases = firstOfEach(
    adopted.map(({ path }) => path),
    ({ tenant, database: name }) => JSON.stringify([tenant, name]),
  );
  await asAdmin(database, async ({ orm }) => {
    await insertTenants(orm, namespaceId, [...new Set(databases.map(({ tenant }) => tenant))]);
    await insertDatabases(orm, namespaceId, databases);
    await insertRoutes(orm, namespaceId, adopted);
  });
}

/** Collections in the ledger that the namespace does not have, the last migrated first. */
function selectCandidates(namespaceId: string, { tenant, database, name, collectionId }: AdoptScope) {
  const of = sql`n.namespace_id = ${namespaceId}::uuid`;
  const condition = (column: string, value: string | undefined) =>
    value === undefined ? sql`` : sql` AND m.${sql.raw(column)} = ${encodeText(value)}`;
  const byId =
    collectionId === undefined ? sql`` : sql` AND coalesce(m.lineage, m.collection_id) = ${collectionId}::uuid`;
  return sql`
    SELECT m.source_tenant AS tenant, m.source_database AS database, m.source_name AS name,
           m.tenant_id, t.name AS tenant_name, coalesce(m.lineage, m.collection_id) AS collection_id
    FROM cairn.migration_collections AS m JOIN cairn.tenants AS t ON t.id = m.tenant_id
    WHERE NOT EXISTS (SELECT FROM cairn.namespace_collections AS n
                      WHERE ${of} AND n.collection_id = coalesce(m.lineage, m.collection_id))
      AND NOT EXISTS (SELECT FROM cairn.namespace_collections AS n
                      WHERE ${of} AND n.tenant_name = m.source_tenant AND n.database_name = m.source_database
                        AND n.name = m.source_name)
      ${condition("source_tenant", tenant)}${condition("source_database", database)}${condition("source_name", name)}${byId}
    ORDER BY m.updated_at DESC`;
}

function toRouted({ tenant, database, name, tenant_id: tenantId, collection_id: collectionId }: Row) {
  const found: Pick<RoutedCollection, "path" | "route"> = {
    path: { tenant, database, name },
    route: { name, tenantId, collectionId },
  };
  return found;
}

function firstOfEach<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  return [...Map.groupBy(items, keyOf).values()].flatMap(([first]) => (first === undefined ? [] : [first]));
}
