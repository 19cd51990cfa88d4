import { asAdmin } from "@cairn/core/database/transaction.ts";
import { adoptMigrated } from "../../../namespace/adopt.ts";
import {
  insertDatabases,
  insertTenants,
  readDatabases,
  removeDatabase,
  saveResourceName,
} from "../../../namespace/databases.ts";
import { CHROMA_DEFAULTS } from "../../../protocol/path.ts";
import type { ChromaView } from "../view.ts";
import { type RoutedContext, requireWrite } from "./context.ts";
import { deleteAll, readExisting } from "./existing.ts";
import { findChromaDatabase, findChromaTenant } from "./lookup.ts";

type DatabaseMethods = Pick<
  ChromaView,
  | "identity"
  | "getTenant"
  | "createTenant"
  | "setResourceName"
  | "getDatabase"
  | "listDatabases"
  | "createDatabase"
  | "deleteDatabase"
>;

/** The tenants and databases of a namespace: rows of the control plane. */
export function databaseMethods(context: RoutedContext): DatabaseMethods {
  const { database, namespaceId } = context;
  return {
    identity: async () => ({ tenant: CHROMA_DEFAULTS.tenant, databases: [CHROMA_DEFAULTS.database] }),
    getTenant: (name) => findChromaTenant(context, name),
    async createTenant(name) {
      requireWrite(context);
      if (await findChromaTenant(context, name)) return false;
      return (await asAdmin(database, ({ orm }) => insertTenants(orm, namespaceId, [name]))) > 0;
    },
    async setResourceName(name, resourceName) {
      requireWrite(context);
      if (!(await findChromaTenant(context, name))) return false;
      await asAdmin(database, ({ orm }) => saveResourceName(orm, namespaceId, { name, resourceName }));
      return true;
    },
    getDatabase: (path) => findChromaDatabase(context, path),
    async listDatabases(tenant, page) {
      await adoptMigrated(database, context, { tenant });
      return asAdmin(database, ({ orm }) => readDatabases(orm, namespaceId, { tenant, ...page }));
    },
    async createDatabase(path) {
      requireWrite(context);
      if (await findChromaDatabase(context, path)) return false;
      return (await asAdmin(database, ({ orm }) => insertDatabases(orm, namespaceId, [path]))) > 0;
    },
    async deleteDatabase(path) {
      requireWrite(context);
      if (!(await findChromaDatabase(context, path))) return false;
      await deleteAll(context, await readExisting(context, path));
      await asAdmin(database, ({ orm }) => removeDatabase(orm, namespaceId, path));
      return true;
    },
  };
}
