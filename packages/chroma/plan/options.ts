import type { SourceScope } from "../source/source.ts";
import type { Mapping } from "./mapping.ts";

export interface PlanOptions {
  /** What of the source is taken. Default: everything that the login sees. */
  readonly scope?: SourceScope;
  /** The source's address: names it in the ledger. */
  readonly sourceUrl?: string;
  /** What was changed in Cairn since an earlier run is undone: a target that was deleted is made again. */
  readonly discardChanges?: boolean;
  /** Tried in turn. Default `tenant_{tenant}_{collection}`. */
  readonly patterns?: readonly string[];
  /** The tenant where a pattern has no `{tenant}`. */
  readonly tenant?: string;
  /** Goes before the patterns. */
  readonly mapping?: Mapping;
  /** Globs on source names: the others are left out. */
  readonly only?: readonly string[];
  /** Default `auto`: copy the vectors where the target is to keep the source's model. */
  readonly reEmbed?: "auto" | "always" | "never";
  /** Model of the source's vectors where Chroma does not know it. */
  readonly sourceModel?: string;
  /** Model to embed with. Default: the service's own default. */
  readonly model?: string;
  /** Both sides are only compared, so nothing will have to be embedded. */
  readonly comparing?: boolean;
}
