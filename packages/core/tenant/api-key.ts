import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { apiKeys, tenants } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { TenantLimits } from "./tenant.ts";

export const SCOPES = ["read", "write", "admin"] as const;

/** `read` searches and lists; `write` changes collections and documents; `admin` keeps keys and looks after indexes. */
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  readonly id: string;
  /** Null: the operator's, which keeps tenants and sees no tenant's documents. */
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

/** A key with its secret, which is shown this once and kept nowhere. */
export interface NewApiKey {
  readonly key: ApiKey;
  readonly secret: string;
}

export interface ApiKeyOptions {
  /** For people. */
  readonly name?: string;
  /** Default `read` and `write`; an operator's key has `admin` alone. */
  readonly scopes?: readonly Scope[];
  /** Default: never. */
  readonly expiresAt?: Date;
}

const PREFIX = "cairn_";
const columns = {
  id: apiKeys.id,
  tenantId: apiKeys.tenantId,
  name: apiKeys.name,
  hint: apiKeys.hint,
  scopes: apiKeys.scopes,
  createdAt: apiKeys.createdAt,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
  lastUsedAt: apiKeys.lastUsedAt,
};

/** Makes a key of a tenant's, or (`null`) of the operator's. Throws `not_found` where there is no such tenant. */
export async function createApiKey(
  database: Database,
  tenantId: string | null,
  { name = "", scopes = tenantId === null ? ["admin"] : ["read", "write"], expiresAt }: ApiKeyOptions = {},
): Promise<NewApiKey> {
  if (tenantId === null && (scopes.length !== 1 || scopes[0] !== "admin"))
    throw new AppError("invalid_input", "An operator's key has the scope admin alone.", { path: "scopes" });
  if (!/^[^\p{Cc}\p{Cs}\uFFFE]{0,200}$/u.test(name))
    throw new AppError("invalid_input", "A key's name has 200 characters at most, no control characters.", {
      path: "name",
    });
  if (expiresAt && expiresAt.getTime() <= Date.now())
    throw new AppError("invalid_input", `The key would have expired at ${expiresAt.toISOString()} already.`, {
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

/** The owner's keys, oldest first, the revoked and expired ones as well. */
export function listApiKeys(database: Database, tenantId: string | null): Promise<readonly ApiKey[]> {
  return asOwner(database, tenantId, ({ orm }) =>
    orm.select(columns).from(apiKeys).where(ownedBy(tenantId)).orderBy(asc(apiKeys.createdAt)),
  );
}

/** From now on the key is refused, within the time that keys are remembered for. Throws `not_found`. */
export function revokeApiKey(database: Database, tenantId: string | null, id: string): Promise<ApiKey> {
  return asOwner(database, tenantId, async (transaction) => {
    await requireKey(transaction, tenantId, id);
    const [revoked] = await transaction.orm
      .update(apiKeys)
      .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
      .where(and(ownedBy(tenantId), eq(apiKeys.id, id)))
      .returning(columns);
    return revoked as ApiKey;
  });
}

/**
 * A new key in the place of one that is in force, with its name, scopes and expiry; the old one works for `grace`
 * more seconds. Throws `not_found`, `invalid_input` for a key that is not in force.
 */
export async function rotateApiKey(
  database: Database,
  tenantId: string | null,
  id: string,
  { grace = 3600 }: { readonly grace?: number } = {},
): Promise<NewApiKey> {
  const old = await asOwner(database, tenantId, (transaction) => requireKey(transaction, tenantId, id));
  if (old.revokedAt || (old.expiresAt && old.expiresAt.getTime() <= Date.now()))
    throw new AppError("invalid_input", "The key is revoked or expired already: make a new one.", {
      path: "key",
    });
  const { name, scopes, expiresAt } = old;
  const made = await createApiKey(database, tenantId, { name, scopes, expiresAt: expiresAt ?? undefined });
  await asOwner(database, tenantId, ({ orm }) =>
    orm
      .update(apiKeys)
      .set({ expiresAt: sql`least(${apiKeys.expiresAt}, now() + ${grace}::float8 * interval '1 second')` })
      .where(and(ownedBy(tenantId), eq(apiKeys.id, id))),
  );
  return made;
}

/** Who a key in force speaks for. */
export interface KeyHolder {
  readonly keyId: string;
  readonly tenantId: string | null;
  readonly scopes: readonly Scope[];
  readonly limits: TenantLimits;
  readonly expiresAt: Date | null;
}

/** Whether a text can be a key at all: one that cannot is refused without a look into the database. */
export function isKeyShaped(secret: string): boolean {
  return secret.length === PREFIX.length + 43 && /^cairn_[\w-]{42}[AEIMQUYcgkosw048]$/.test(secret);
}

/** The holder of a secret; undefined for one that is unknown, revoked, expired, or of a disabled tenant. */
export async function findKeyHolder(database: Database, secret: string): Promise<KeyHolder | undefined> {
  if (!isKeyShaped(secret)) return undefined;
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
        inForce: sql<boolean>`${apiKeys.revokedAt} IS NULL AND coalesce(${apiKeys.expiresAt} > now(), true) AND ${tenants.disabledAt} IS NULL`,
      })
      .from(apiKeys)
      .leftJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(eq(apiKeys.secretHash, hash));
    if (!found || !timingSafeEqual(found.secretHash, hash) || !found.inForce) return undefined;
    const { keyId, tenantId, scopes, limits, expiresAt } = found;
    return { keyId, tenantId, scopes, limits, expiresAt };
  });
}

/** Notes that a key was used, at most once a minute. */
export async function touchApiKey(database: Database, id: string): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm
      .update(apiKeys)
      .set({ lastUsedAt: sql`now()` })
      .where(
        and(eq(apiKeys.id, id), sql`coalesce(${apiKeys.lastUsedAt} < now() - interval '1 minute', true)`),
      ),
  );
}

function asOwner<T>(
  database: Database,
  tenantId: string | null,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return tenantId === null ? asAdmin(database, work) : asTenant(database, tenantId, work);
}

function ownedBy(tenantId: string | null) {
  return tenantId === null ? isNull(apiKeys.tenantId) : eq(apiKeys.tenantId, tenantId);
}

async function requireKey({ orm }: Transaction, tenantId: string | null, id: string): Promise<ApiKey> {
  const [key] = await orm
    .select(columns)
    .from(apiKeys)
    .where(and(ownedBy(tenantId), sql`${apiKeys.id}::text = ${encodeText(id.toLowerCase())}`));
  if (!key) throw new AppError("not_found", `There is no key ${JSON.stringify(id)}.`);
  return key;
}

function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
