import { renderCounts } from "./charts/counts.ts";
import { formatMoment } from "./format.ts";
import { type Html, html, trusted } from "./markup.ts";
import type { MigrationReport } from "./report.ts";
import { renderCollections } from "./sections/collections.ts";
import { renderChanges, renderDifferences } from "./sections/differences.ts";
import { renderExceptions } from "./sections/exceptions.ts";
import { renderNotices } from "./sections/notices.ts";
import { renderSearch } from "./sections/search.ts";
import { renderSection } from "./sections/section.ts";
import { renderSummary } from "./sections/summary.ts";
import { STYLE } from "./style.ts";
import { verdictSentence } from "./verdict.ts";

/**
 * The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere. The policy in its
 * head forbids the browser to load any, whatever the data holds.
 */
export function renderReport(report: MigrationReport): string {
  return html`<!doctype html>
<html lang="en" data-verdict="${report.verdict}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="description" content="${verdictSentence(report)}">
<title>${verdictSentence(report)}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
${renderSummary(report)}
<main>
${renderDifferences(report)}
${renderChanges(report)}
${renderSection({ id: "records", title: "Records", note: noteCounts(report) }, renderCounts(report.collections))}
${renderSearch(report)}
${renderExceptions(report)}
${renderNotices(report)}
${renderCollections(report)}
</main>
${renderMethod(report)}
</body>
</html>
`.text;
}

function noteCounts({ totals }: MigrationReport): string {
  const why =
    totals.sourceRecords === totals.targetRecords ? "" : " Where they differ, the lists below tell why.";
  return `Equal counts prove nothing by themselves: what was compared stands in the tables.${why}`;
}

function renderMethod(report: MigrationReport): Html {
  return html`<footer>
<h2>How this was measured</h2>
<p>Both ways: every id of Chroma was looked up in Cairn, and every id of Cairn in Chroma. For each record in both, the text, every metadata value with its type, and the URI were compared; where vectors were copied, every element of every vector. A vector is <em>exact</em> where it is equal bit by bit. It is <em>within tolerance</em> where it differs by rounding alone: Chroma hands vectors of a cosine collection back up to 10⁻⁵ off.</p>
<p>What cannot be seen in an id is written as an escape, such as <code>${"\0"}</code>; long ids are shortened. The same report for machines, complete, lies beside this page as JSON. It was made by Cairn ${report.cairnVersion}.${report.kind === "migrate" && ` Compared at ${formatMoment(report.createdAt)}; what was written to Chroma behind the last pass is not in it.`}</p>
</footer>`;
}
