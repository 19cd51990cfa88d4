import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import { duration, visible } from "../terminal/print.ts";

/** How many of a list a terminal shows; the report has them all. */
const SHOWN = 20;

/** Tells a person how a migration or verification ended and what to do next. */
export function printOutcome(report: MigrationReport, files: readonly string[]): void {
  console.log(`\n${verdictSentence(report)}`);
  if (report.search)
    console.log(
      `Searches: ${report.search.queries} asked of both; the first ten agree with the exact answer to ${percent(report.search.meanOverlapWithExact)}, ` +
        `with Chroma's to ${percent(report.search.meanOverlapWithChroma)}${chromaItself(report.search)}.`,
    );
  list(
    "Set aside",
    report.exceptions.map(
      ({ collection, id, reason, detail }) => `${collection}  ${visible(id, 40)}  ${reason}: ${detail}`,
    ),
    report.totals.exceptions,
  );
  const { differences, changedInCairn = 0, failed = 0 } = report.totals;
  list("Failed", describeFailed(report), failed);
  list("Different", describeDifferences(report, false), differences - changedInCairn - failed);
  list("Changed in Cairn since, and kept", describeDifferences(report, true), changedInCairn);
  list("Notices", report.notices ?? [], report.notices?.length ?? 0);
  if (report.verdict === "not_identical") console.log(nextStep(report));
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

/** No way out that would undo what was made in Cairn is offered as the next step. */
function nextStep({ kind, totals }: MigrationReport): string {
  const { differences, changedInCairn = 0, failed = 0 } = totals;
  if (failed > 0)
    return "Next: see to what failed, and run the same command again. What is copied already is not written again.";
  if (differences > 0 && differences === changedInCairn)
    return "Next: nothing, unless what was changed in Cairn is to be lost: cairn migrate --discard-changes takes Chroma's state.";
  return kind === "verify"
    ? "Next: cairn migrate brings what Chroma has to the target and keeps what was changed in Cairn; --prune deletes what it copied and Chroma has no longer."
    : "Next: run it again when Chroma is written to less; --prune deletes what it copied and Chroma has no longer.";
}

/** Where the two differ, who is right: Chroma's index is approximate, and a NaN in a collection spoils its answers. */
function chromaItself({
  meanOverlapOfChromaWithExact: share,
}: NonNullable<MigrationReport["search"]>): string {
  return share === undefined || share === 1
    ? ""
    : ` (which agree with the exact answer to ${percent(share)} themselves)`;
}

function list(title: string, lines: readonly string[], total: number): void {
  if (total === 0) return;
  console.log(`${title}: ${total}`);
  for (const line of lines.slice(0, SHOWN)) console.log(`  ${line}`);
  if (total > SHOWN) console.log(`  … and ${total - SHOWN} more, in the report.`);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
