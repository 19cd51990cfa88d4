import type { Phase } from "../phase.ts";
import type { JournalState } from "../replicate/changes.ts";
import type { ShadowResults } from "../shadow/statistics/results.ts";
import type { ComparedResult, CutoverSettings } from "../tenants.ts";

/** Where a tenant is on its way. */
export interface CutoverState {
  readonly tenant: { readonly id: string; readonly name: string };
  readonly phase: Phase;
  /** Undefined: the tenant has never left Chroma. */
  readonly since: Date | undefined;
  /** Those that differ from the defaults. */
  readonly settings: CutoverSettings;
  readonly journal: JournalState;
  readonly compared: ComparedResult | null;
  /** Findings that are not resolved, by kind. */
  readonly findings: Readonly<Record<string, number>>;
  /** Compared reads since the phase began. */
  readonly reads: ShadowResults;
}
