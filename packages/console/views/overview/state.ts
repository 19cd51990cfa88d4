import type { Client } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";

type Overview = Extract<InferResponseType<Client["v1"]["overview"]["$get"]>, { readonly tenants: unknown }>;

/** A tenant with its collections, as `GET /v1/overview` returns it. */
export type TenantState = Overview["tenants"][number];

export type CollectionState = TenantState["collections"][number];

/** Whether its index work is pending, failed or done. */
export type IndexState = "failed" | "pending" | "unused" | "building" | "indexed" | "exact" | "empty";

/** The state of a collection's indexes in one word. `exact`: it is small enough to be searched without an index. */
export function indexStateOf({ due, indexes, passages }: CollectionState): IndexState {
  if (due.action === "build") return "pending";
  if (due.action === "drop") return "unused";
  if (due.reason !== undefined) return "failed";
  if (indexes.some(({ state }) => state === "building")) return "building";
  if (indexes.some(({ kind }) => kind === "vector")) return "indexed";
  return passages === 0 ? "empty" : "exact";
}

export function passagesOf({ collections }: TenantState): number {
  return collections.reduce((sum, { passages }) => sum + passages, 0);
}
