import { deleteCollection } from "@cairn/core/collection/change.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asTenant, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { type SQL, sql } from "drizzle-orm";

/** A collection of a tenant that serves requests: neither replaced by another model nor being filled. */
export interface Serving {
  readonly id: string;
  readonly name: string;
  readonly lineage: string;
}

/** The tenant's collection of this name. An id is not a name here. */
export async function findByName(database: Database, tenantId: string, name: string): Promise<Serving | undefined> {
  const [found] = await readServing(database, tenantId, sql`name = ${encodeText(name)}`);
  return found;
}

/** Those of the tenant's collections with these lineages that exist, by lineage. */
export async function findByLineage(
  database: Database,
  tenantId: string,
  lineages: readonly string[],
): Promise<ReadonlyMap<string, Serving>> {
  const ids = sql`ANY(${sql.param(lineages)}::uuid[])`;
  const found = await readServing(database, tenantId, sql`coalesce(lineage, id) = ${ids}`);
  return new Map(found.map((collection) => [collection.lineage, collection]));
}

/** All collections of the tenant. */
export function listServing(database: Database, tenantId: string): Promise<readonly Serving[]> {
  return readServing(database, tenantId, sql`true`);
}

function readServing(database: Database, tenantId: string, condition: SQL): Promise<readonly Serving[]> {
  return asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<Serving>(sql`
      SELECT id, name, coalesce(lineage, id) AS lineage FROM cairn.collections
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND replaced_by IS NULL AND ${condition}`),
  );
}

/** Deletes a collection by its lineage, if it exists. */
export async function deleteByLineage(database: Database, tenantId: string, lineage: string): Promise<void> {
  const found = (await findByLineage(database, tenantId, [lineage])).get(lineage);
  if (!found) return;
  try {
    await deleteCollection(database, tenantId, found.id);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "not_found")) throw error; // deleted meanwhile
  }
}
