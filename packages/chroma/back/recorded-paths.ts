import type { Database } from "@cairn/core/database/database.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { ChromaPath } from "../protocol/path.ts";

/** Where a path was recorded: a cut-over, a namespace whose clients use it, or a migration. */
export type PathOrigin = "cutover" | "namespace" | "migration";

export interface RecordedPath {
  readonly path: ChromaPath;
  readonly origin: PathOrigin;
}

interface PathRow {
  readonly lineage: string;
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
  readonly origin: PathOrigin;
}

/**
 * The paths in Chroma that a tenant's collections have, by lineage: of the cut-over, else of the namespace, else of the newest
 * migration, of which one from `source` comes first. A collection with different paths in several namespaces has none of them.
 */
export async function readRecordedPaths(
  database: Database,
  tenantId: string,
  source: string,
): Promise<ReadonlyMap<string, RecordedPath>> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<PathRow>(sql`
      SELECT collection_id AS lineage, chroma_tenant AS tenant, chroma_database AS database, name, 'cutover' AS origin
      FROM cairn.cutover_collections WHERE tenant_id = ${tenantId}::uuid
      UNION ALL
      SELECT collection_id, min(tenant_name), min(database_name), min(name), 'namespace'
      FROM cairn.namespace_collections WHERE tenant_id = ${tenantId}::uuid
      GROUP BY collection_id HAVING count(DISTINCT (tenant_name, database_name, name)) = 1
      UNION ALL
      SELECT * FROM (
        SELECT DISTINCT ON (coalesce(c.lineage, c.collection_id)) coalesce(c.lineage, c.collection_id),
               c.source_tenant, c.source_database, c.source_name, 'migration'
        FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id
        WHERE c.tenant_id = ${tenantId}::uuid
        ORDER BY coalesce(c.lineage, c.collection_id), r.source = ${source} DESC, r.started_at DESC
      ) AS newest`),
  );
  const paths = new Map<string, RecordedPath>();
  for (const { lineage, tenant, database: chromaDatabase, name, origin } of rows) {
    const path = { tenant: decodeText(tenant), database: decodeText(chromaDatabase), name: decodeText(name) };
    if (!paths.has(lineage)) paths.set(lineage, { path, origin });
  }
  return paths;
}
