import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import { duration, visible } from "../terminal/print.ts";

/** Maximum number of printed entries of a list. The report has all of them. */
const MAX_PRINTED = 20;

/** Prints the result of a migration or verification, and what to do next. */
export function printOutcome(report: MigrationReport, files: readonly string[]): void {
  console.log(`\n${verdictSentence(report)}`);
  if (report.search)
    console.log(
      `Searches: ${report.search.queries} compared. Overlap of the top ten: ${percent(report.search.meanOverlapWithExact)} with exact search, ` +
        `${percent(report.search.meanOverlapWithChroma)} with Chroma${describeChromaRecall(report.search)}.`,
    );
  list(
    "Quarantined",
    report.exceptions.map(
      ({ collection, id, reason, detail }) => `${collection}  ${visible(id, 40)}  ${reason}: ${detail}`,
    ),
    report.totals.exceptions,
  );
  const { differences, changedInCairn = 0, failed = 0 } = report.totals;
  const different = differences - changedInCairn - failed;
  list("Failed", describeFailed(report), failed);
  list("Different", describeDifferences(report, false), different);
  list("Changed in Cairn since the migration, and kept", describeDifferences(report, true), changedInCairn);
  list("Notices", report.notices ?? [], report.notices?.length ?? 0);
  if (report.verdict === "not_identical") console.log(describeNextStep(report));
  console.log(`Took ${duration(report.seconds)}. Report: ${files.join(", ") || "cairn cloud report"}`);
}

function describeFailed({ differences }: MigrationReport): readonly string[] {
  return differences.flatMap(({ collection, kind, detail }) =>
    kind === "failed" ? [`${collection}: ${visible(detail, 500)}`] : [],
  );
}

function describeDifferences({ differences }: MigrationReport, inCairn: boolean): readonly string[] {
  return differences
    .filter(({ kind, madeInCairn = false }) => kind !== "failed" && madeInCairn === inCairn)
    .map(
      ({ collection, id, kind, detail }) =>
        `${collection}  ${id === "" ? "the collection" : visible(id, 40)}  ${kind}: ${detail}`,
    );
}

/** Returns the next step. It never recommends a step that undoes changes made in Cairn. */
function describeNextStep({ kind, totals }: MigrationReport): string {
  const { differences, changedInCairn = 0, failed = 0 } = totals;
  if (failed > 0) return "Next: fix the failures and run the same command again. Copied records are not written again.";
  if (differences > 0 && differences === changedInCairn)
    return "Next: nothing, unless you want to lose the changes made in Cairn. To take Chroma's state: cairn migrate --discard-changes";
  return kind === "verify"
    ? "Next: run cairn migrate. It copies what is missing and keeps changes made in Cairn. With --prune it also deletes migrated records that Chroma no longer has."
    : "Next: run the same command again when there are fewer writes to Chroma. With --prune it also deletes migrated records that Chroma no longer has.";
}

/**
 * Describes how far Chroma's own results agree with exact search. Chroma's index is approximate, and a NaN in a collection
 * corrupts its results.
 */
function describeChromaRecall({ meanOverlapOfChromaWithExact: share }: NonNullable<MigrationReport["search"]>): string {
  return share === undefined || share === 1 ? "" : ` (Chroma with exact search: ${percent(share)})`;
}

function list(title: string, lines: readonly string[], total: number): void {
  if (total === 0) return;
  console.log(`${title}: ${total}`);
  for (const line of lines.slice(0, MAX_PRINTED)) console.log(`  ${line}`);
  if (total > MAX_PRINTED) console.log(`  … and ${total - MAX_PRINTED} more, in the report.`);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
