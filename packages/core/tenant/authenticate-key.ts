import { timingSafeEqual } from "node:crypto";
import { and, eq, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { apiKeys, exact, namespaces, tenants } from "../database/schema.ts";
import { asAdmin } from "../database/transaction.ts";
import type { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";
import { hashSecret, keyKind } from "./secret.ts";
import type { TenantLimits } from "./tenant.ts";

/** The identity and the rights of an active key. */
export interface AuthenticatedKey {
  readonly keyId: string;
  /** Null: the operator's, or a namespace's. */
  readonly tenantId: string | null;
  /** Undefined: the key of a tenant or of the operator. */
  readonly namespace: Pick<Namespace, "id" | "name" | "settings"> | undefined;
  readonly scopes: readonly Scope[];
  readonly limits: TenantLimits;
  readonly expiresAt: Date | null;
}

/** The key with this secret. Undefined if it is unknown, revoked or expired, or if its tenant is disabled. */
export async function authenticateKey(database: Database, secret: string): Promise<AuthenticatedKey | undefined> {
  const kind = keyKind(secret);
  if (!kind) return undefined; // without a database query
  const hash = hashSecret(secret);
  const found = await asAdmin(database, ({ orm }) => readKey(orm, hash));
  if (!found || !timingSafeEqual(found.secretHash, hash) || !found.isActive) return undefined;
  const { keyId, tenantId, scopes, limits, expiresAt, namespaceId: id, namespaceName: name, settings } = found;
  const namespace = id === null ? undefined : { id, name: name as string, settings: settings ?? {} };
  // A row of the wrong kind was not written by this service. Taking it for the operator's would give it more rights.
  if ((namespace !== undefined) !== (kind === "namespace")) return undefined;
  return { keyId, tenantId, namespace, scopes, limits, expiresAt };
}

async function readKey(orm: Orm, hash: Buffer) {
  const [found] = await orm
    .select({
      keyId: apiKeys.id,
      tenantId: apiKeys.tenantId,
      namespaceId: apiKeys.namespaceId,
      namespaceName: namespaces.name,
      settings: exact(namespaces.settings),
      scopes: apiKeys.scopes,
      expiresAt: apiKeys.expiresAt,
      secretHash: apiKeys.secretHash,
      limits: sql<TenantLimits>`coalesce(${tenants.settings}->'limits', '{}')`,
      isActive: sql<boolean>`${apiKeys.revokedAt} IS NULL AND coalesce(${apiKeys.expiresAt} > now(), true) AND ${tenants.disabledAt} IS NULL`,
    })
    .from(apiKeys)
    .leftJoin(tenants, eq(tenants.id, apiKeys.tenantId))
    .leftJoin(namespaces, eq(namespaces.id, apiKeys.namespaceId))
    .where(eq(apiKeys.secretHash, hash));
  return found;
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
