import type { JsonValue } from "../database/json.ts";

/** A filter on metadata and content as a frozen tree: parsed once, compiled to SQL in one place. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | { readonly kind: "compare"; readonly key: string; readonly operator: "eq" | "ne" | "gt" | "gte" | "lt" | "lte"; readonly value: JsonValue }
  | { readonly kind: "in" | "nin"; readonly key: string; readonly values: readonly JsonValue[] }
  | { readonly kind: "has" | "has_not"; readonly key: string; readonly value: JsonValue }
  | { readonly kind: "exists"; readonly key: string; readonly exists: boolean }
  | { readonly kind: "content"; readonly operator: "contains" | "not_contains" | "regex" | "not_regex"; readonly text: string };
