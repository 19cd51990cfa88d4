import type { JsonObject } from "@cairn/core/database/json.ts";

/** A collection as Chroma's API describes it: what of it matters here. */
export interface ChromaCollection {
  readonly id: string;
  readonly name: string;
  readonly dimension: number | null;
  readonly metadata: JsonObject | null;
  readonly configuration_json?: {
    readonly hnsw?: { readonly space?: string } | null;
    readonly spann?: { readonly space?: string } | null;
    readonly embedding_function?: {
      readonly type?: string;
      readonly name?: string;
      readonly config?: Readonly<Record<string, unknown>>;
    } | null;
  };
  /** Read by `metricOf` alone, which trusts nothing of it. */
  readonly configuration?: unknown;
  readonly schema?: unknown;
}
