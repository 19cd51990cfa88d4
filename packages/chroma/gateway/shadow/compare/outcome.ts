/** A hit: its id and, if the answer has it, its distance. */
export interface ShadowHit {
  readonly id: string;
  readonly distance: number | null;
}

/** Fields of a record that are compared. */
export type RecordFieldName = "document" | "metadata" | "uri" | "embedding" | "distance";

/** A record that both sides return with different fields. The values are not kept. */
export interface DifferingRecord {
  readonly id: string;
  readonly fields: readonly RecordFieldName[];
}

/** How two answers differ: ids and distances, never texts and never metadata. */
export type Difference =
  | { readonly kind: "status"; readonly chroma: number; readonly cairn: number }
  | { readonly kind: "count"; readonly chroma: number; readonly cairn: number }
  | {
      readonly kind: "records";
      readonly onlyInChroma: readonly string[];
      readonly onlyInCairn: readonly string[];
      readonly differing: readonly DifferingRecord[];
    }
  | {
      readonly kind: "hits";
      /** The number of the query vector in the request, from 0. */
      readonly query: number;
      /** Requested hits. */
      readonly limit: number;
      readonly isFiltered: boolean;
      readonly chroma: readonly ShadowHit[];
      readonly cairn: readonly ShadowHit[];
      /** The true nearest records of Cairn; null: not needed to judge. */
      readonly exact: readonly ShadowHit[] | null;
      readonly differing: readonly DifferingRecord[];
    };

/**
 * The result of a comparison. `missed`: Cairn returned the true nearest records, and Chroma's index missed some of them.
 * `differed`: Cairn is wrong, or both hold different data. `excluded`: changes in flight may explain the difference.
 * `agreement`: share of the rows that agree, 0 to 1.
 */
export type Comparison =
  | { readonly outcome: "agreed" }
  | { readonly outcome: "excluded" }
  | { readonly outcome: "missed" | "differed"; readonly agreement: number; readonly difference: Difference };

export const AGREED: Comparison = { outcome: "agreed" };
export const EXCLUDED: Comparison = { outcome: "excluded" };
