import { tenantCredential } from "../../request/session.ts";

/** Whether the key may change documents. A key that cannot sees no controls that do. */
export function canWrite(): boolean {
  return tenantCredential()?.identity.scopes.includes("write") ?? false;
}
