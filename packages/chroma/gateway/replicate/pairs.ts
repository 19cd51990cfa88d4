import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { ChromaPath } from "../../protocol/path.ts";
import type { SourceCollection } from "../../source/source.ts";

/** The collection of Chroma that a collection of Cairn was last equal to. */
export interface RecordedPair {
  readonly chromaId: string;
  readonly path: ChromaPath;
}

interface PairRow {
  readonly chroma_id: string;
  readonly chroma_tenant: string;
  readonly chroma_database: string;
  readonly name: string;
}

/** The recorded pair of a collection. Undefined: there is none. */
export async function readPair(
  database: Database,
  { tenantId, lineage }: Pick<Collection, "tenantId" | "lineage">,
): Promise<RecordedPair | undefined> {
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<PairRow>(sql`
      SELECT chroma_id, chroma_tenant, chroma_database, name FROM cairn.cutover_collections
      WHERE tenant_id = ${tenantId}::uuid AND collection_id = ${lineage}::uuid`),
  );
  if (!row) return undefined;
  return {
    chromaId: row.chroma_id,
    path: {
      tenant: decodeText(row.chroma_tenant),
      database: decodeText(row.chroma_database),
      name: decodeText(row.name),
    },
  };
}

/** Records a pair, in place of the former one of either collection. */
export async function savePair(
  database: Database,
  { tenantId, lineage }: Pick<Collection, "tenantId" | "lineage">,
  { id, tenant, database: chromaDatabase, name }: SourceCollection,
): Promise<void> {
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`
      DELETE FROM cairn.cutover_collections
      WHERE tenant_id = ${tenantId}::uuid AND chroma_id = ${id}::uuid AND collection_id <> ${lineage}::uuid`);
    await orm.execute(sql`
      INSERT INTO cairn.cutover_collections (tenant_id, collection_id, chroma_id, chroma_tenant, chroma_database, name)
      VALUES (${tenantId}::uuid, ${lineage}::uuid, ${id}::uuid,
              ${encodeText(tenant)}, ${encodeText(chromaDatabase)}, ${encodeText(name)})
      ON CONFLICT (tenant_id, collection_id) DO UPDATE
      SET chroma_id = excluded.chroma_id, chroma_tenant = excluded.chroma_tenant,
          chroma_database = excluded.chroma_database, name = excluded.name`);
  });
}

/** Records the new name of a collection of Chroma. Returns false if it is not the pair of another collection than `cairn`. */
export async function renamePairOfAnother(
  database: Database,
  { tenantId, lineage }: Pick<Collection, "tenantId" | "lineage">,
  { chromaId, name }: { readonly chromaId: string; readonly name: string },
): Promise<boolean> {
  const renamed = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`
      UPDATE cairn.cutover_collections SET name = ${encodeText(name)}
      WHERE tenant_id = ${tenantId}::uuid AND chroma_id = ${chromaId}::uuid AND collection_id <> ${lineage}::uuid
      RETURNING chroma_id`),
  );
  return renamed.length > 0;
}
