import type { JsonObject } from "@cairn/core/database/json.ts";

/** A collection as Chroma's API describes it: the fields that a migration uses. */
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
  /** Read only by `metricOf`, which validates it. */
  readonly configuration?: unknown;
  readonly schema?: unknown;
}
