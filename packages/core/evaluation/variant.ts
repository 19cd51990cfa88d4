import { AppError } from "../error.ts";
import type { SearchOptions } from "../search/query.ts";

/** Options of the searches of a variant. */
export type VariantOptions = Omit<
  SearchOptions,
  "include" | "maxBytes" | "exactNumbers" | "maxTopK" | "signal" | "ids" | "allowEmptyLists"
>;

/** A way to search that an evaluation compares with others. */
export interface Variant {
  /** Unique in an evaluation. */
  readonly name: string;
  readonly options: VariantOptions;
}

/** Maximum variants of an evaluation. */
export const MAX_VARIANTS = 8;

/** Variants of an evaluation that names none: the three modes. */
export function defaultVariants(collection?: string): readonly Variant[] {
  const modes = ["vector", "keyword", "hybrid"] as const;
  return modes.map((mode) => ({ name: mode, options: { mode, ...(collection === undefined ? {} : { collection }) } }));
}

/** A name for the options of a variant that has none: `hybrid`, `drafts, vector, top 20`. */
export function nameVariant({
  collection,
  mode = "vector",
  topK,
  groupBy,
  maxDistance,
  ...rest
}: VariantOptions): string {
  const parts = [
    collection,
    mode,
    topK !== undefined && `top ${topK}`,
    groupBy && `by ${groupBy}`,
    maxDistance !== undefined && `distance ≤ ${maxDistance}`,
    rest.filter != null && "filtered",
    rest.whereDocument != null && "filtered by text",
    rest.exact && "exact",
  ];
  return parts.filter(Boolean).join(", ");
}

/** Throws `invalid_input` for no variant, too many, or two of the same name. */
export function assertVariants(variants: readonly Variant[]): void {
  if (variants.length === 0 || variants.length > MAX_VARIANTS)
    throw refuse(`An evaluation has 1 to ${MAX_VARIANTS} variants, not ${variants.length}.`);
  const names = variants.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw refuse(`Two variants have the name ${JSON.stringify(repeated)}. Give each a name of its own.`);
  if (names.some((name) => name === "" || name.length > 200)) throw refuse("A variant's name has 1 to 200 characters.");
}

function refuse(message: string): AppError {
  return new AppError("invalid_input", message, { path: "variants" });
}
