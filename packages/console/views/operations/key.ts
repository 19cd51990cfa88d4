import type { Client } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";

type Keys = Extract<InferResponseType<Client["v1"]["keys"]["$get"]>, { readonly keys: unknown }>;

/** A key without its secret. */
export type Key = Keys["keys"][number];

/** Whether the key can be used. */
export function isActive({ revoked_at: revoked, expires_at: expires }: Key): boolean {
  return revoked === null && (expires === null || new Date(expires).getTime() > Date.now());
}
