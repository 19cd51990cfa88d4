import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { readDatabases as readNames } from "../../namespace/databases.ts";
import { CHROMA_DEFAULTS } from "../../protocol/path.ts";
import type { DatabasePath } from "../../server/view/view.ts";
import { readPairs } from "./pair.ts";
import type { Replication } from "./replication.ts";

/**
 * The databases of Chroma in which the tenant may have collections: those of its pairs, those that the clients of the namespace or a
 * migration have used, and those of Chroma's own list. Chroma cannot list tenants.
 */
export async function readDatabases(replication: Replication): Promise<readonly DatabasePath[]> {
  const { database, tenantId, namespaceId, source } = replication;
  const pairs = await readPairs(database, tenantId);
  const tenants = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ name: string }>(
      sql`SELECT name FROM cairn.namespace_tenants WHERE namespace_id = ${namespaceId}::uuid`,
    ),
  );
  const names = new Set([
    CHROMA_DEFAULTS.tenant,
    ...pairs.map(({ path }) => path.tenant),
    ...tenants.map(({ name }) => name),
  ]);
  const databases: DatabasePath[] = [CHROMA_DEFAULTS, ...pairs.map(({ path }) => path)];
  for (const tenant of names) {
    const registered = await asAdmin(database, ({ orm }) => readNames(orm, namespaceId, { tenant }));
    databases.push(...registered.map(({ name }) => ({ tenant, database: name })));
    databases.push(...(await source.listDatabases(tenant)).map((name) => ({ tenant, database: name })));
  }
  const unique = new Map(
    databases.map(({ tenant, database: name }) => [JSON.stringify([tenant, name]), { tenant, database: name }]),
  );
  return [...unique.values()];
}
