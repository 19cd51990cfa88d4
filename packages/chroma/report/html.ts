import { formatMoment } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import { renderPage } from "@cairn/core/report/page.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { STYLE } from "@cairn/core/report/style.ts";
import { renderCounts } from "./charts/counts.ts";
import type { MigrationReport } from "./report.ts";
import { renderCollections } from "./sections/collections.ts";
import { renderChanges, renderDifferences } from "./sections/differences.ts";
import { renderExceptions } from "./sections/exceptions.ts";
import { renderNotices } from "./sections/notices.ts";
import { renderSearch } from "./sections/search.ts";
import { renderSummary } from "./sections/summary.ts";
import { verdictSentence } from "./verdict.ts";

/**
 * Renders the report as one self-contained HTML page without external scripts, fonts or images. Its content security policy
 * forbids loading any, whatever the data contains.
 */
export function renderReport(report: MigrationReport): string {
  return renderPage({
    title: verdictSentence(report),
    verdict: report.verdict,
    style: STYLE,
    body: html`${renderSummary(report)}
<main>
${renderDifferences(report)}
${renderChanges(report)}
${renderSection({ id: "records", title: "Records", note: noteCounts(report) }, renderCounts(report.collections))}
${renderSearch(report)}
${renderExceptions(report)}
${renderNotices(report)}
${renderCollections(report)}
</main>
${renderMethod(report)}`,
  });
}

function noteCounts({ totals }: MigrationReport): string {
  const why = totals.sourceRecords === totals.targetRecords ? "" : " Where the counts differ, the lists below say why.";
  return `Equal counts alone prove nothing. The tables show what was compared.${why}`;
}

function renderMethod(report: MigrationReport): Html {
  return html`<footer>
<h2>How this was measured</h2>
<p>In both directions: every id of Chroma was looked up in Cairn, and every id of Cairn in Chroma. For each record on both sides, the text, every metadata value with its type, and the URI were compared. If vectors were copied, every element of every vector was compared. A vector is <em>exact</em> if it is equal bit by bit. It is <em>within tolerance</em> if it differs only by rounding: Chroma returns the vectors of a cosine collection with differences of up to 10⁻⁵.</p>
<p>Invisible characters in an id are shown as escapes, such as <code>${"\0"}</code>. Long ids are shortened. The complete report is next to this page as JSON. It was created by Cairn ${report.cairnVersion}.${report.kind === "migrate" && ` Compared at ${formatMoment(report.createdAt)}; what was written to Chroma after the last pass is not included.`}</p>
</footer>`;
}
