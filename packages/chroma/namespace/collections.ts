import type { Orm } from "@cairn/core/database/database.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { type SQL, sql } from "drizzle-orm";
import type { ChromaPath } from "../protocol/path.ts";
import type { CollectionRoute, DatabasePath } from "../server/view/view.ts";

// The routing table: which collection a name of the namespace stands for. It belongs to the control plane and is read first;
// then the collection's tenant is known, and everything else is read and written as that tenant alone.

/** A collection of the namespace with its path. */
export interface RoutedCollection {
  readonly path: ChromaPath;
  readonly route: CollectionRoute;
  /** Whether the collection's tenant is disabled. */
  readonly disabled: boolean;
}

interface Row {
  readonly tenant_name: string;
  readonly database_name: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly collection_id: string;
  readonly disabled: boolean;
}

/** The collection with this path. */
export async function readRoute(
  orm: Orm,
  namespaceId: string,
  path: ChromaPath,
): Promise<RoutedCollection | undefined> {
  const [found] = await readRows(orm, namespaceId, isAt(path));
  return found;
}

/** The collection with this id, whatever its path is. */
export async function readRouteById(
  orm: Orm,
  namespaceId: string,
  collectionId: string,
): Promise<RoutedCollection | undefined> {
  const [found] = await readRows(orm, namespaceId, sql`c.collection_id = ${collectionId}::uuid`);
  return found;
}

/** The collections of a database, or all collections of the namespace. */
export function readRoutes(
  orm: Orm,
  namespaceId: string,
  path: DatabasePath | undefined,
): Promise<readonly RoutedCollection[]> {
  return readRows(orm, namespaceId, path ? isIn(path) : sql`true`);
}

async function readRows(orm: Orm, namespaceId: string, condition: SQL): Promise<readonly RoutedCollection[]> {
  const rows = await orm.selectRows<Row>(sql`
    SELECT c.tenant_name, c.database_name, c.name, c.tenant_id, c.collection_id, t.disabled_at IS NOT NULL AS disabled
    FROM cairn.namespace_collections AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
    WHERE c.namespace_id = ${namespaceId}::uuid AND ${condition}`);
  return rows.map((row) => {
    const name = decodeText(row.name);
    return {
      path: { tenant: decodeText(row.tenant_name), database: decodeText(row.database_name), name },
      route: { name, tenantId: row.tenant_id, collectionId: row.collection_id },
      disabled: row.disabled,
    };
  });
}

function isIn({ tenant, database }: DatabasePath): SQL {
  return sql`c.tenant_name = ${encodeText(tenant)} AND c.database_name = ${encodeText(database)}`;
}

function isAt(path: ChromaPath): SQL {
  return sql`${isIn(path)} AND c.name = ${encodeText(path.name)}`;
}

/** Adds collections. A path or a collection that the namespace has already stays as it is. */
export async function insertRoutes(
  orm: Orm,
  namespaceId: string,
  added: readonly Pick<RoutedCollection, "path" | "route">[],
): Promise<void> {
  type Added = (typeof added)[number];
  const column = (type: string, read: (collection: Added) => string) =>
    sql`${sql.param(added.map(read))}::${sql.raw(type)}[]`;
  await orm.execute(sql`
    INSERT INTO cairn.namespace_collections
      (namespace_id, tenant_name, database_name, name, tenant_id, collection_id)
    SELECT ${namespaceId}::uuid, r.tenant_name, r.database_name, r.name, r.tenant_id, r.collection_id
    FROM unnest(
      ${column("text", ({ path }) => encodeText(path.tenant))},
      ${column("text", ({ path }) => encodeText(path.database))},
      ${column("text", ({ path }) => encodeText(path.name))},
      ${column("uuid", ({ route }) => route.tenantId)},
      ${column("uuid", ({ route }) => route.collectionId)}
    ) AS r (tenant_name, database_name, name, tenant_id, collection_id)
    JOIN cairn.tenants AS t ON t.id = r.tenant_id
    ON CONFLICT DO NOTHING`);
}

/** Records a collection under its path, in place of its former path and of a collection that was deleted. */
export async function saveRoute(
  orm: Orm,
  namespaceId: string,
  path: ChromaPath,
  route: CollectionRoute,
): Promise<void> {
  await orm.execute(sql`
    DELETE FROM cairn.namespace_collections AS c
    WHERE c.namespace_id = ${namespaceId}::uuid AND c.collection_id = ${route.collectionId}::uuid AND NOT (${isAt(path)})`);
  await orm.execute(sql`
    INSERT INTO cairn.namespace_collections (namespace_id, tenant_name, database_name, name, tenant_id, collection_id)
    VALUES (${namespaceId}::uuid, ${encodeText(path.tenant)}, ${encodeText(path.database)}, ${encodeText(path.name)},
            ${route.tenantId}::uuid, ${route.collectionId}::uuid)
    ON CONFLICT (namespace_id, tenant_name, database_name, name)
    DO UPDATE SET tenant_id = excluded.tenant_id, collection_id = excluded.collection_id`);
}

/** Removes the records of collections. */
export async function removeRoutes(orm: Orm, namespaceId: string, collectionIds: readonly string[]): Promise<void> {
  await orm.execute(sql`
    DELETE FROM cairn.namespace_collections
    WHERE namespace_id = ${namespaceId}::uuid AND collection_id = ANY(${sql.param(collectionIds)}::uuid[])`);
}
