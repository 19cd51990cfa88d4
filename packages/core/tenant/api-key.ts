import { and, asc, eq, getTableColumns, isNull, type SQL, sql } from "drizzle-orm";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { apiKeys, ownedBy } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asOwner } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { Scope } from "./scope.ts";
import { createSecret, hashSecret } from "./secret.ts";

/** Whose a key is: a tenant's (its id), the operator's (null), or a namespace's. */
export type KeyOwner = string | null | NamespaceOwner;

export interface NamespaceOwner {
  readonly namespaceId: string;
}

export interface ApiKey {
  readonly id: string;
  /** Null: the key of a namespace, or an operator's key, which manages tenants and cannot read their documents. */
  readonly tenantId: string | null;
  /** Null: not the key of a namespace. */
  readonly namespaceId: string | null;
  readonly name: string;
  /** The last characters of the secret, to tell keys apart. */
  readonly hint: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To within a minute. */
  readonly lastUsedAt: Date | null;
}

/** A key with its secret. The secret is returned only once and not stored. */
export interface NewApiKey {
  readonly key: ApiKey;
  readonly secret: string;
}

export interface ApiKeyOptions {
  /** Display name. */
  readonly name?: string;
  /** Default `read` and `write`. An operator's key has only `admin`, a namespace's key never has it. */
  readonly scopes?: readonly Scope[];
  /** Default: never. */
  readonly expiresAt?: Date;
}

const { secretHash, id, ...otherColumns } = getTableColumns(apiKeys);
const columns = { id, ...otherColumns };

/** Creates a key. Throws `not_found` if the tenant or the namespace does not exist, and `invalid_input`. */
export async function createApiKey(
  database: Database,
  owner: KeyOwner,
  { name = "", scopes = defaultScopes(owner), expiresAt }: ApiKeyOptions = {},
): Promise<NewApiKey> {
  validate(owner, { name, scopes, expiresAt });
  const secret = createSecret(isNamespace(owner) ? "namespace" : "plain");
  try {
    return await asKeyOwner(database, owner, async ({ orm }) => {
      const values = { ...ownerColumns(owner), name, scopes: [...new Set(scopes)], expiresAt, hint: secret.slice(-4) };
      const [key] = await orm
        .insert(apiKeys)
        .values({ ...values, secretHash: hashSecret(secret) })
        .returning(columns);
      return { key: key as ApiKey, secret };
    });
  } catch (error) {
    if (!hasSqlState(error, "23503")) throw error;
    const missing = isNamespace(owner) ? `namespace ${owner.namespaceId}` : `tenant ${owner}`;
    throw new AppError("not_found", `There is no ${missing}.`, { cause: error });
  }
}

function defaultScopes(owner: KeyOwner): readonly Scope[] {
  return owner === null ? ["admin"] : ["read", "write"];
}

function validate(
  owner: KeyOwner,
  { name, scopes, expiresAt }: Required<Pick<ApiKeyOptions, "name" | "scopes">> & ApiKeyOptions,
): void {
  if (owner === null && (scopes.length !== 1 || scopes[0] !== "admin"))
    throw invalid("scopes", "An operator's key can only have the scope admin.");
  if (isNamespace(owner) && scopes.includes("admin"))
    throw invalid("scopes", "A namespace's key can have the scopes read and write, not admin.");
  if (!/^[^\p{Cc}\p{Cs}\uFFFE]{0,200}$/u.test(name))
    throw invalid("name", "A key's name can have at most 200 characters and no control characters.");
  if (expiresAt && expiresAt.getTime() <= Date.now())
    throw invalid("expires_at", `The expiry ${expiresAt.toISOString()} is in the past. Use a future time.`);
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}

/** The owner's keys, oldest first, including revoked and expired ones. */
export function listApiKeys(database: Database, owner: KeyOwner): Promise<readonly ApiKey[]> {
  return asKeyOwner(database, owner, ({ orm }) =>
    orm.select(columns).from(apiKeys).where(isOwnedBy(owner)).orderBy(asc(apiKeys.createdAt)),
  );
}

/** Revokes a key. It is refused as soon as cached credentials expire. Throws `not_found`. */
export function revokeApiKey(database: Database, owner: KeyOwner, id: string): Promise<ApiKey> {
  return asKeyOwner(database, owner, async (transaction) => {
    await requireKey(transaction, owner, id);
    const [revoked] = await transaction.orm
      .update(apiKeys)
      .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
      .where(and(isOwnedBy(owner), eq(apiKeys.id, id)))
      .returning(columns);
    return revoked as ApiKey;
  });
}

/**
 * Replaces an active key with a new one that has the same name, scopes and expiry. The old key works for `grace` more
 * seconds. Throws `not_found`, and `invalid_input` for a key that is not active.
 */
export async function rotateApiKey(
  database: Database,
  owner: KeyOwner,
  id: string,
  { grace = 3600 }: { readonly grace?: number } = {},
): Promise<NewApiKey> {
  const old = await asKeyOwner(database, owner, (transaction) => requireKey(transaction, owner, id));
  if (old.revokedAt || (old.expiresAt && old.expiresAt.getTime() <= Date.now()))
    throw new AppError("invalid_input", "The key cannot be rotated: it is revoked or expired. Create a new key.", {
      path: "key",
    });
  const { name, scopes, expiresAt } = old;
  const created = await createApiKey(database, owner, { name, scopes, expiresAt: expiresAt ?? undefined });
  await asKeyOwner(database, owner, ({ orm }) =>
    orm
      .update(apiKeys)
      .set({ expiresAt: sql`least(${apiKeys.expiresAt}, now() + ${grace}::float8 * interval '1 second')` })
      .where(and(isOwnedBy(owner), eq(apiKeys.id, id))),
  );
  return created;
}

async function requireKey({ orm }: Transaction, owner: KeyOwner, id: string): Promise<ApiKey> {
  const [key] = await orm
    .select(columns)
    .from(apiKeys)
    .where(and(isOwnedBy(owner), sql`${apiKeys.id}::text = ${encodeText(id.toLowerCase())}`));
  if (!key) throw new AppError("not_found", `There is no key ${JSON.stringify(id)}.`);
  return key;
}

function isNamespace(owner: KeyOwner): owner is NamespaceOwner {
  return typeof owner === "object" && owner !== null;
}

function ownerColumns(owner: KeyOwner) {
  return isNamespace(owner)
    ? { tenantId: null, namespaceId: owner.namespaceId }
    : { tenantId: owner, namespaceId: null };
}

/** The condition of an owner's keys. The operator's have neither a tenant nor a namespace. */
function isOwnedBy(owner: KeyOwner): SQL | undefined {
  if (isNamespace(owner)) return eq(apiKeys.namespaceId, owner.namespaceId);
  return and(ownedBy(apiKeys.tenantId, owner), isNull(apiKeys.namespaceId));
}

/** Runs `work` as the owner of keys. Those of a namespace belong to the control plane, as the operator's do. */
function asKeyOwner<T>(
  database: Database,
  owner: KeyOwner,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return asOwner(database, isNamespace(owner) ? null : owner, work);
}
