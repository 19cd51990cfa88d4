import { countOf, formatCount, formatId, formatMoment, formatSeconds, formatShare } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece, trusted } from "@cairn/core/report/markup.ts";
import type { MigrationReport, Verdict } from "../report.ts";
import { splitVerdict } from "../verdict.ts";

/** A ring with a check mark, a dashed ring with a check mark, a ring with a cross: distinguishable by shape alone. */
const SIGNS: Readonly<Record<Verdict, Html>> = {
  identical: trusted('<circle cx="24" cy="24" r="21"/><path d="M14.5 25l6.5 6.5L34 18"/>'),
  identical_with_exceptions: trusted(
    '<circle cx="24" cy="24" r="21" stroke-dasharray="9 4.2"/><path d="M14.5 25l6.5 6.5L34 18"/>',
  ),
  not_identical: trusted('<circle cx="24" cy="24" r="21"/><path d="M16.5 16.5l15 15m0-15l-15 15"/>'),
};

/** Renders the verdict, its figures, and the source and target. */
export function renderSummary(report: MigrationReport): Html {
  const { lead, rest } = splitVerdict(report);
  return html`<header>
<p class="brand">${STONES}<span>Cairn · ${nameKind(report)} · <time datetime="${report.createdAt}">${formatMoment(report.createdAt)}</time></span></p>
<div class="verdict">
<svg class="sign" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true">${SIGNS[report.verdict]}</svg>
<h1>${lead}<span class="sr">: </span><span class="rest">${rest}</span></h1>
</div>
<dl class="figures">${chooseFigures(report).map(renderPair)}</dl>
<dl class="facts">${chooseFacts(report).map(renderPair)}</dl>
</header>`;
}

const STONES = trusted(
  '<svg class="stones" viewBox="0 0 24 22" width="24" height="22" aria-hidden="true"><rect x="8" y="0" width="8" height="5" rx="2.5"/><rect x="5" y="6.5" width="14" height="6" rx="3"/><rect x="1" y="14" width="22" height="8" rx="4"/></svg>',
);

function nameKind({ kind }: MigrationReport): string {
  return kind === "migrate" ? "Migration from Chroma" : "Verification against Chroma";
}

function chooseFigures({ totals, search, seconds }: MigrationReport): readonly (readonly [string, Piece])[] {
  return [
    ["records compared", formatCount(totals.compared)],
    ["vectors compared", formatCount(totals.vectorsCompared)],
    ["differences", formatCount(totals.differences)],
    ["exceptions", formatCount(totals.exceptions)],
    ...(search
      ? [[`in common with Chroma's top ${search.topK}`, formatShare(search.meanOverlapWithChroma)] as const]
      : []),
    ["total time", formatSeconds(seconds)],
  ];
}

function chooseFacts(report: MigrationReport): readonly (readonly [string, Piece])[] {
  const { source, database, runId, passes, totals, kind, cairnVersion } = report;
  const engine = database.kind === "pglite" ? "PGlite" : "PostgreSQL";
  return [
    ["From", html`Chroma, ${formatId(source.url, 200)}, ${countOf(totals.sourceRecords, "record")}`],
    ["To", html`${engine}, ${formatId(database.name, 200)}, ${countOf(totals.targetRecords, "record")}`],
    ...(kind === "migrate" ? [["Written", countOf(totals.written, "record")] as const] : []),
    ...(passes === undefined ? [] : [["Passes", `${passes}`] as const]),
    ...(runId === undefined ? [] : [["Run", formatId(runId)] as const]),
    ["Cairn", cairnVersion],
  ];
}

function renderPair([name, value]: readonly [string, Piece]): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}
