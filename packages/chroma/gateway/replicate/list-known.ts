import { AppError } from "@cairn/core/error.ts";
import type { DatabasePath } from "../../server/view/view.ts";
import type { SourceCollection } from "../../source/source.ts";
import type { RecordedPair } from "./pair.ts";
import type { Replication } from "./replication.ts";

/**
 * The tenant's collections in Chroma, and the pairs of those that were deleted there. Chroma lists in pages by offset, so a collection is
 * missing in a list if another one is deleted meanwhile: it counts as deleted if it is missing twice.
 */
export async function listKnown(context: Replication, path: DatabasePath, known: readonly RecordedPair[]) {
  const first = await listTenantCollections(context, path);
  const isMissing = (list: readonly SourceCollection[]) => {
    const ids = new Set(list.map(({ id }) => id));
    return ({ chromaId }: RecordedPair) => !ids.has(chromaId);
  };
  const missing = known.filter(isMissing(first));
  if (missing.length === 0) return { listed: first, gone: [] };
  const listed = await listTenantCollections(context, path);
  return { listed, gone: missing.filter(isMissing(listed)) };
}

/** The tenant's collections in a database of Chroma. */
async function listTenantCollections(
  { source, rules, tenantId, tenantName }: Replication,
  { tenant, database }: DatabasePath,
): Promise<readonly SourceCollection[]> {
  try {
    const listed = await source.listCollections({ tenants: [tenant], databases: [database] });
    return listed.filter((collection) => {
      const target = rules.find(collection);
      return target?.tenant === tenantName || target?.tenant === tenantId;
    });
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return []; // the database was deleted
    throw error;
  }
}
