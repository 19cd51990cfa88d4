import type { CutoverSummary } from "@cairn/chroma/gateway/cutover/list.ts";
import type { CutoverStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { COMPARISON_REQUESTED, type ComparedResult } from "@cairn/chroma/gateway/tenants.ts";
import { count } from "../../terminal/counts.ts";

/** A tenant as a row of a table. */
export function toRow({ tenant, phase, since, journal, compared, findings, reads }: CutoverSummary) {
  return {
    tenant: tenant.name,
    phase,
    since: since.toISOString().slice(0, 19).replace("T", " "),
    journal: describeJournal(journal),
    compared: describeCompared(compared),
    reads: reads.compared,
    agreement: describeShare(reads.agreement),
    findings,
  };
}

/** The recorded changes that the other side does not have yet: `3 (12 s, 1 failing)`. */
export function describeJournal({
  changes,
  failing,
  oldestSeconds,
}: Pick<CutoverStatus["journal"], "changes" | "failing" | "oldestSeconds">): string {
  if (changes === 0) return "0";
  return `${changes} (${Math.round(oldestSeconds ?? 0)} s${failing > 0 ? `, ${failing} failing` : ""})`;
}

/** The last comparison of all records, in a few words. */
export function describeCompared(compared: ComparedResult | null): string {
  if (!compared) return "not yet";
  if (compared.finishedAt === COMPARISON_REQUESTED) return "requested";
  const at = compared.finishedAt.slice(0, 16).replace("T", " ");
  return `${compared.identical ? "identical" : "different"}, ${count(compared.records, "record")}, ${at}`;
}

export function describeShare(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(2)} %`;
}
