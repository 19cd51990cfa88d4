import { asc, eq, or } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import type { JsonObject } from "../database/json.ts";
import { exact, namespaces } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { parseUuid } from "./uuid.ts";

/** A set of tenants that the names of another protocol stand for. Its keys act for each of them. */
export interface Namespace {
  readonly id: string;
  readonly name: string;
  /** How names resolve to tenants. Only the package of the protocol knows what they mean. They do not change. */
  readonly settings: JsonObject;
  readonly createdAt: Date;
}

const columns = {
  id: namespaces.id,
  name: namespaces.name,
  settings: exact(namespaces.settings),
  createdAt: namespaces.createdAt,
};

/** Creates a namespace. Throws `already_exists` if the name is taken, and `invalid_input`. */
export async function createNamespace(
  database: Database,
  { name, settings }: Pick<Namespace, "name" | "settings">,
): Promise<Namespace> {
  assertName(name);
  const created = await asAdmin(database, ({ orm }) => insert(orm, { name, settings }));
  if (created) return created;
  throw new AppError(
    "already_exists",
    `The namespace cannot be created: the name ${JSON.stringify(name)} is already taken. Choose another name, or use the existing namespace.`,
    { path: "name" },
  );
}

/** The namespace of this name, created with these settings if it does not exist. */
export function ensureNamespace(
  database: Database,
  namespace: Pick<Namespace, "name" | "settings">,
): Promise<Namespace> {
  assertName(namespace.name);
  return asAdmin(database, async ({ orm }) => {
    const found = await find(orm, namespace.name);
    return found ?? (await insert(orm, namespace)) ?? ((await find(orm, namespace.name)) as Namespace);
  });
}

/** The namespace with this id (a UUID in any notation) or name. Throws `not_found`. */
export async function getNamespace(database: Database, idOrName: string): Promise<Namespace> {
  const found = await asAdmin(database, ({ orm }) => find(orm, idOrName));
  if (found) return found;
  throw new AppError("not_found", `There is no namespace ${JSON.stringify(idOrName)}.`);
}

/** All namespaces, sorted by name. */
export function listNamespaces(database: Database): Promise<readonly Namespace[]> {
  return asAdmin(database, ({ orm }) => orm.select(columns).from(namespaces).orderBy(asc(namespaces.name)));
}

/** Deletes a namespace with its keys and its names. The tenants and their data stay. Throws `not_found`. */
export async function deleteNamespace(database: Database, idOrName: string): Promise<Namespace> {
  const namespace = await getNamespace(database, idOrName);
  await asAdmin(database, ({ orm }) => orm.delete(namespaces).where(eq(namespaces.id, namespace.id)));
  return namespace;
}

async function insert(
  orm: Orm,
  { name, settings }: Pick<Namespace, "name" | "settings">,
): Promise<Namespace | undefined> {
  const [created] = await orm.insert(namespaces).values({ name, settings }).onConflictDoNothing().returning(columns);
  return created;
}

async function find(orm: Orm, idOrName: string): Promise<Namespace | undefined> {
  const name = encodeText(idOrName); // a name that cannot exist is not found instead of an error
  const id = parseUuid(name);
  const byName = eq(namespaces.name, name);
  const [found] = await orm
    .select(columns)
    .from(namespaces)
    .where(id ? or(eq(namespaces.id, id), byName) : byName)
    .limit(1);
  return found;
}

/** A name is never a UUID, so that an id and a name cannot mean two namespaces. */
function assertName(name: string): void {
  if (/^[^\p{Cc}\p{Cs}\uFFFE]{1,200}$/u.test(name) && parseUuid(name) === undefined) return;
  throw new AppError(
    "invalid_input",
    `A namespace's name has 1 to 200 characters, no control characters, and is not a UUID. It is ${JSON.stringify(name.slice(0, 80))}.`,
    { path: "name" },
  );
}
