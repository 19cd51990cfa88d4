import type { Hit } from "@cairn/core/search/hit.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Include } from "../request/include.ts";
import type { Conditions } from "../request/where.ts";
import type { ReadContext } from "./get.ts";

export interface QueryContext extends ReadContext {
  readonly services: Services;
  readonly signal: AbortSignal;
}

/** A hit of a query, with the texts of its fields in JSON. */
export interface QueryHit extends Pick<Hit, "id" | "chunk" | "content" | "metadata" | "uri"> {
  readonly distance: number;
}

export interface QuerySearch {
  readonly id: string;
  readonly limit: number;
  readonly include: readonly Include[];
  readonly conditions: Conditions;
  readonly vectors: readonly Float32Array[];
  /** Whether every matching record is compared, without vector indexes. Default false. */
  readonly exact?: boolean;
}
