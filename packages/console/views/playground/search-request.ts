import type { Client } from "@cairn/client/client.ts";
import type { InferRequestType, InferResponseType } from "hono/client";
import type { Filter } from "../../components/filter/condition.ts";
import type { Mode, SearchSettings } from "./search-settings.ts";

type Query = Client["v1"]["query"]["$post"];

export type SearchRequest = InferRequestType<Query>["json"] & { readonly mode: Mode };

export type Hit = Extract<InferResponseType<Query>, { readonly hits: unknown }>["hits"][number];

/** The body of a search in a mode. Options with their default values are left out. */
export function toRequest(
  { text, topK, groupBy }: SearchSettings,
  { mode, collection, filter }: { readonly mode: Mode; readonly collection: string; readonly filter?: Filter },
): SearchRequest {
  return {
    query: text,
    collection,
    mode,
    top_k: topK,
    ...(groupBy === "document" ? { group_by: groupBy } : {}),
    ...(filter ? { filter } : {}),
  };
}

/** Identifies the passage of a hit. */
export function passageKey({ id, chunk }: Pick<Hit, "id" | "chunk">): string {
  return `${chunk} ${id}`;
}
