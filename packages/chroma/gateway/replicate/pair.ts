import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { ADMIN_SETTINGS, asAdmin } from "@cairn/core/database/transaction.ts";
import { type SQL, sql } from "drizzle-orm";
import type { ChromaPath } from "../../protocol/path.ts";

/** A collection that both systems have. */
export interface RecordedPair {
  readonly tenantId: string;
  /** The lineage in Cairn. */
  readonly collectionId: string;
  readonly chromaId: string;
  /** Where Chroma has it. */
  readonly path: ChromaPath;
  /** Whether all records were copied once, in their order. Until then no single change is replicated. */
  readonly filled: boolean;
}

interface PairRow {
  readonly collection_id: string;
  readonly chroma_id: string;
  readonly chroma_tenant: string;
  readonly chroma_database: string;
  readonly name: string;
  readonly filled: boolean;
}

/** The tenant's pairs. */
export function readPairs(database: Database, tenantId: string): Promise<readonly RecordedPair[]> {
  return readRows(database, tenantId, sql`true`);
}

/** The pair of a collection of Cairn. Undefined: there is none. */
export async function readPair(
  database: Database,
  { tenantId, lineage }: Pick<Collection, "tenantId" | "lineage">,
): Promise<RecordedPair | undefined> {
  const [pair] = await readRows(database, tenantId, sql`collection_id = ${lineage}::uuid`);
  return pair;
}

async function readRows(database: Database, tenantId: string, condition: SQL): Promise<readonly RecordedPair[]> {
  const [rows = []] = await database.read(
    [
      sql`
        SELECT collection_id, chroma_id, chroma_tenant, chroma_database, name, filled FROM cairn.cutover_collections
        WHERE tenant_id = ${tenantId}::uuid AND ${condition} ORDER BY name`,
    ],
    { settings: ADMIN_SETTINGS, prepare: true },
  );
  return (rows as readonly PairRow[]).map((row) => ({
    tenantId,
    collectionId: row.collection_id,
    chromaId: row.chroma_id,
    filled: row.filled,
    path: {
      tenant: decodeText(row.chroma_tenant),
      database: decodeText(row.chroma_database),
      name: decodeText(row.name),
    },
  }));
}

/** Saves a pair in place of an earlier one of either collection, in the administrator's open transaction. */
export async function savePair(
  orm: Orm,
  { tenantId, collectionId, chromaId, path, filled }: RecordedPair,
): Promise<void> {
  const isTenant = sql`tenant_id = ${tenantId}::uuid`;
  await orm.execute(sql`
    DELETE FROM cairn.cutover_collections
    WHERE ${isTenant} AND (collection_id = ${collectionId}::uuid OR chroma_id = ${chromaId}::uuid)`);
  await orm.execute(sql`
    INSERT INTO cairn.cutover_collections (tenant_id, collection_id, chroma_id, chroma_tenant, chroma_database, name, filled)
    VALUES (${tenantId}::uuid, ${collectionId}::uuid, ${chromaId}::uuid, ${encodeText(path.tenant)},
            ${encodeText(path.database)}, ${encodeText(path.name)}, ${filled})`);
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

/** Records that all records of a pair were copied. */
export async function markFilled(
  database: Database,
  { tenantId, collectionId }: Pick<RecordedPair, "tenantId" | "collectionId">,
): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_collections SET filled = true
      WHERE tenant_id = ${tenantId}::uuid AND collection_id = ${collectionId}::uuid`),
  );
}

/** Removes a pair, in the administrator's open transaction. */
export async function deletePair(
  orm: Orm,
  { tenantId, collectionId }: Pick<RecordedPair, "tenantId" | "collectionId">,
): Promise<void> {
  await orm.execute(sql`
    DELETE FROM cairn.cutover_collections
    WHERE tenant_id = ${tenantId}::uuid AND collection_id = ${collectionId}::uuid`);
}
