import type { SourceScope } from "../source/source.ts";
import type { Mapping } from "./mapping.ts";

/** The options that decide which collections are migrated, to which targets, with which vectors. */
export interface PlanOptions {
  /** The part of the source that is migrated. Default: everything that the login can read. */
  readonly scope?: SourceScope;
  /** The source's address, which identifies it in the ledger. */
  readonly sourceUrl?: string;
  /** Reverts changes that were made in Cairn since an earlier run: a deleted target is created again. */
  readonly discardChanges?: boolean;
  /** Tried in order. Default `tenant_{tenant}_{collection}`. */
  readonly patterns?: readonly string[];
  /** The tenant if a pattern has no `{tenant}`. */
  readonly tenant?: string;
  /** Applied before the patterns. */
  readonly mapping?: Mapping;
  /** Globs on source names. Other collections are left out. */
  readonly only?: readonly string[];
  /** Default `auto`: copies the vectors if the target keeps the source's model. */
  readonly reEmbed?: "auto" | "always" | "never";
  /** Model of the source's vectors if Chroma does not know it. */
  readonly sourceModel?: string;
  /** Model to embed with. Default: the service's default model. */
  readonly model?: string;
  /** Both sides are only compared, so nothing is embedded. */
  readonly compareOnly?: boolean;
}
