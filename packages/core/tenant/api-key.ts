import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { and, asc, eq, getTableColumns, sql } from "drizzle-orm";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { apiKeys, ownedBy, tenants } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin, asOwner } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { TenantLimits } from "./tenant.ts";

export const SCOPES = ["read", "write", "admin"] as const;

/** `read`: search and list. `write`: change collections and documents. `admin`: manage keys and indexes. */
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  readonly id: string;
  /** Null: an operator's key, which manages tenants and cannot read their documents. */
  readonly tenantId: string | null;
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
  /** Default `read` and `write`. An operator's key has only `admin`. */
  readonly scopes?: readonly Scope[];
  /** Default: never. */
  readonly expiresAt?: Date;
}

const PREFIX = "cairn_";
const { secretHash, id, ...otherColumns } = getTableColumns(apiKeys);
const columns = { id, ...otherColumns };

/** Creates a key of a tenant, or of the operator (`null`). Throws `not_found` if the tenant does not exist. */
export async function createApiKey(
  database: Database,
  tenantId: string | null,
  { name = "", scopes = tenantId === null ? ["admin"] : ["read", "write"], expiresAt }: ApiKeyOptions = {},
): Promise<NewApiKey> {
  if (tenantId === null && (scopes.length !== 1 || scopes[0] !== "admin"))
    throw new AppError("invalid_input", "An operator's key can only have the scope admin.", {
      path: "scopes",
    });
  if (!/^[^\p{Cc}\p{Cs}\uFFFE]{0,200}$/u.test(name))
    throw new AppError("invalid_input", "A key's name can have at most 200 characters and no control characters.", {
      path: "name",
    });
  if (expiresAt && expiresAt.getTime() <= Date.now())
    throw new AppError("invalid_input", `The expiry ${expiresAt.toISOString()} is in the past. Use a future time.`, {
      path: "expires_at",
    });
  const secret = `${PREFIX}${randomBytes(32).toString("base64url")}`;
  try {
    return await asOwner(database, tenantId, async ({ orm }) => {
      const values = { tenantId, name, scopes: [...new Set(scopes)], expiresAt, hint: secret.slice(-4) };
      const [key] = await orm
        .insert(apiKeys)
        .values({ ...values, secretHash: hashSecret(secret) })
        .returning(columns);
      return { key: key as ApiKey, secret };
    });
  } catch (error) {
    if (hasSqlState(error, "23503"))
      throw new AppError("not_found", `There is no tenant ${tenantId}.`, { cause: error });
    throw error;
  }
}

/** The owner's keys, oldest first, including revoked and expired ones. */
export function listApiKeys(database: Database, tenantId: string | null): Promise<readonly ApiKey[]> {
  return asOwner(database, tenantId, ({ orm }) =>
    orm.select(columns).from(apiKeys).where(ownedBy(apiKeys.tenantId, tenantId)).orderBy(asc(apiKeys.createdAt)),
  );
}

/** Revokes a key. It is refused as soon as cached credentials expire. Throws `not_found`. */
export function revokeApiKey(database: Database, tenantId: string | null, id: string): Promise<ApiKey> {
  return asOwner(database, tenantId, async (transaction) => {
    await requireKey(transaction, tenantId, id);
    const [revoked] = await transaction.orm
      .update(apiKeys)
      .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
      .where(and(ownedBy(apiKeys.tenantId, tenantId), eq(apiKeys.id, id)))
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
  tenantId: string | null,
  id: string,
  { grace = 3600 }: { readonly grace?: number } = {},
): Promise<NewApiKey> {
  const old = await asOwner(database, tenantId, (transaction) => requireKey(transaction, tenantId, id));
  if (old.revokedAt || (old.expiresAt && old.expiresAt.getTime() <= Date.now()))
    throw new AppError("invalid_input", "The key cannot be rotated: it is revoked or expired. Create a new key.", {
      path: "key",
    });
  const { name, scopes, expiresAt } = old;
  const created = await createApiKey(database, tenantId, { name, scopes, expiresAt: expiresAt ?? undefined });
  await asOwner(database, tenantId, ({ orm }) =>
    orm
      .update(apiKeys)
      .set({ expiresAt: sql`least(${apiKeys.expiresAt}, now() + ${grace}::float8 * interval '1 second')` })
      .where(and(ownedBy(apiKeys.tenantId, tenantId), eq(apiKeys.id, id))),
  );
  return created;
}

/** The identity and the rights of an active key. */
export interface AuthenticatedKey {
  readonly keyId: string;
  readonly tenantId: string | null;
  readonly scopes: readonly Scope[];
  readonly limits: TenantLimits;
  readonly expiresAt: Date | null;
}

/** Whether a text has the format of a key. Other texts are refused without a database query. */
export function hasKeyFormat(secret: string): boolean {
  return secret.length === PREFIX.length + 43 && /^cairn_[\w-]{42}[AEIMQUYcgkosw048]$/.test(secret);
}

/** The key with this secret. Undefined if it is unknown, revoked or expired, or if its tenant is disabled. */
export async function authenticateKey(database: Database, secret: string): Promise<AuthenticatedKey | undefined> {
  if (!hasKeyFormat(secret)) return undefined;
  const hash = hashSecret(secret);
  return asAdmin(database, async ({ orm }) => {
    const [found] = await orm
      .select({
        keyId: apiKeys.id,
        tenantId: apiKeys.tenantId,
        scopes: apiKeys.scopes,
        expiresAt: apiKeys.expiresAt,
        secretHash: apiKeys.secretHash,
        limits: sql<TenantLimits>`coalesce(${tenants.settings}->'limits', '{}')`,
        isActive: sql<boolean>`${apiKeys.revokedAt} IS NULL AND coalesce(${apiKeys.expiresAt} > now(), true) AND ${tenants.disabledAt} IS NULL`,
      })
      .from(apiKeys)
      .leftJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(eq(apiKeys.secretHash, hash));
    if (!found || !timingSafeEqual(found.secretHash, hash) || !found.isActive) return undefined;
    const { keyId, tenantId, scopes, limits, expiresAt } = found;
    return { keyId, tenantId, scopes, limits, expiresAt };
  });
}

/** Updates the last use of a key, at most once a minute. */
export async function touchApiKey(database: Database, id: string): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm
      .update(apiKeys)
      .set({ lastUsedAt: sql`now()` })
      .where(and(eq(apiKeys.id, id), sql`coalesce(${apiKeys.lastUsedAt} < now() - interval '1 minute', true)`)),
  );
}

async function requireKey({ orm }: Transaction, tenantId: string | null, id: string): Promise<ApiKey> {
  const [key] = await orm
    .select(columns)
    .from(apiKeys)
    .where(and(ownedBy(apiKeys.tenantId, tenantId), sql`${apiKeys.id}::text = ${encodeText(id.toLowerCase())}`));
  if (!key) throw new AppError("not_found", `There is no key ${JSON.stringify(id)}.`);
  return key;
}

function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
