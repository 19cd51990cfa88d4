/** The operand of a condition on metadata. Integers beyond ±2^53 are bigint. */
export type Scalar = boolean | number | bigint | string;

/** A filter on metadata and content as a frozen tree. `compileFilter` compiles it to SQL. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | { readonly kind: "equal"; readonly operator: "eq" | "ne"; readonly key: string; readonly value: Scalar }
  | {
      readonly kind: "order";
      readonly operator: Order;
      readonly key: string;
      readonly value: number | bigint;
    }
  | {
      readonly kind: "member";
      readonly operator: "in" | "nin";
      readonly key: string;
      readonly values: readonly Scalar[];
    }
  | { readonly kind: "list"; readonly operator: Contains; readonly key: string; readonly value: Scalar }
  | { readonly kind: "exists"; readonly key: string; readonly exists: boolean }
  | { readonly kind: "content"; readonly operator: Contains; readonly text: string }
  | { readonly kind: "pattern"; readonly operator: "regex" | "not_regex"; readonly pattern: string };

export type Order = "gt" | "gte" | "lt" | "lte";
type Contains = "contains" | "not_contains";
