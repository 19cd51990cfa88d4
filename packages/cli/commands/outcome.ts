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
  list(
    "Different",
    report.differences.map(
      ({ collection, id, kind, detail }) => `${collection}  ${visible(id, 40)}  ${kind}: ${detail}`,
    ),
    report.totals.differences,
  );
  list("Notices", report.notices ?? [], report.notices?.length ?? 0);
  if (report.verdict === "not_identical")
    console.log(
      report.kind === "verify"
        ? "Next: cairn migrate brings the target up to date; with --prune it also deletes what Chroma has not."
        : "Next: run it again when Chroma is written to less; --prune makes the target equal where Cairn's side was changed.",
    );
  console.log(`Took ${duration(report.seconds)}. Report: ${files.join(", ") || "cairn cloud report"}`);
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
