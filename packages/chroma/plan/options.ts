import type { TargetRules } from "../protocol/target-path.ts";
import type { SourceScope } from "../source/source.ts";

/** The options that decide which collections are migrated, to which targets, with which vectors. */
export interface PlanOptions extends TargetRules {
  /** The part of the source that is migrated. Default: everything that the login can read. */
  readonly scope?: SourceScope;
  /** The source's address, which identifies it in the ledger. */
  readonly sourceUrl?: string;
  /** Reverts changes that were made in Cairn since an earlier run: a deleted target is created again. */
  readonly discardChanges?: boolean;
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
