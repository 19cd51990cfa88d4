import { read } from "@cairn/client/client.ts";
import { ownClient } from "./client.ts";
import { actFor, acting, signOut, stopActing } from "./session.ts";

/** How long the key of a tenant is valid that an operator works with, in milliseconds. */
const KEY_LIFETIME_MS = 3_600_000;

/**
 * Lets the operator act for a tenant, whose documents the operator's key cannot read: creates a key of the tenant that expires
 * in an hour. The tenant sees it among its keys. Throws `CairnError`.
 */
export async function openTenant(tenantId: string): Promise<void> {
  await closeTenant();
  const expires = new Date(Date.now() + KEY_LIFETIME_MS).toISOString();
  const json = { name: "console of the operator", scopes: ["read", "write", "admin"], expires_at: expires } as const;
  const request = { param: { tenant: tenantId }, json: { ...json, scopes: [...json.scopes] } };
  const { secret } = await read(ownClient().v1.tenants[":tenant"].keys.$post(request));
  await actFor(secret);
}

/** Ends acting for a tenant and revokes its key. If the service cannot be reached, the key expires by itself. */
export async function closeTenant(): Promise<void> {
  const identity = acting.value?.identity;
  if (!identity?.tenant) return;
  const param = { tenant: identity.tenant.id, key: identity.key };
  const revoked = read(ownClient().v1.tenants[":tenant"].keys[":key"].$delete({ param }));
  stopActing();
  await revoked.catch(() => {});
}

/** Signs out, and revokes the key of a tenant that the operator works with. */
export function leave(): void {
  void closeTenant();
  signOut();
}
