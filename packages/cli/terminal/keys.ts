import type { ApiKey, NewApiKey } from "@cairn/core/tenant/api-key.ts";
import { printJson, printTable } from "./print.ts";

/** Prints keys without their secrets as a table. */
export function printKeys(keys: readonly ApiKey[]): void {
  printTable(keys.map(toRow));
}

function toRow({ id, name, hint, scopes, expiresAt, revokedAt, lastUsedAt }: ApiKey) {
  return {
    id,
    name,
    secret: `…${hint}`,
    scopes: scopes.join(", "),
    state: revokedAt ? "revoked" : expiresAt && expiresAt.getTime() < Date.now() ? "expired" : "active",
    expires: expiresAt?.toISOString() ?? "never",
    used: lastUsedAt?.toISOString() ?? "never",
  };
}

/** Prints a new key: its secret to standard output, the rest to standard error. */
export function printNewKey({ key, secret }: NewApiKey, json: boolean): void {
  if (json) printJson({ key, secret });
  else {
    console.log(secret);
    console.error(`Created key ${key.id} (${key.scopes.join(", ")}). Store the secret: it is shown only once.`);
  }
}
