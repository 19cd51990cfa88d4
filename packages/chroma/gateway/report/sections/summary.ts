import { countOf, formatCount, formatMoment } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece, trusted } from "@cairn/core/report/markup.ts";
import { PHASES } from "../../phase.ts";
import { formatAgreement, renderPair } from "../format.ts";
import { needsAttention } from "../read.ts";
import type { CutoverReport, TenantSummary } from "../report.ts";

const STONES = trusted(
  '<svg class="stones" viewBox="0 0 24 22" width="24" height="22" aria-hidden="true"><rect x="8" y="0" width="8" height="5" rx="2.5"/><rect x="5" y="6.5" width="14" height="6" rx="3"/><rect x="1" y="14" width="22" height="8" rx="4"/></svg>',
);

/** A ring with a check mark, or with an exclamation mark. */
const SIGNS = {
  calm: trusted('<circle cx="24" cy="24" r="21"/><path d="M14.5 25l6.5 6.5L34 18"/>'),
  attention: trusted('<circle cx="24" cy="24" r="21"/><path d="M24 13v14m0 7v.5"/>'),
};

/** The state of the cut-over in two sentences: how far it is, and whether a person should look at it. */
export function describeCutover({ tenants }: CutoverReport): { readonly lead: string; readonly rest: string } {
  const moved = tenants.filter(({ phase }) => phase === "cairn" || phase === "done").length;
  const flagged = tenants.filter(needsAttention).length;
  const lead = `${formatCount(moved)} of ${countOf(tenants.length, "tenant")} ${moved === 1 ? "is" : "are"} served by Cairn`;
  if (tenants.length === 0) return { lead: "No tenant is part of the cut-over", rest: "" };
  const rest =
    flagged === 0
      ? "No read differed, every change could be replicated, and no finding is open."
      : `${countOf(flagged, "tenant")} ${flagged === 1 ? "needs" : "need"} attention: reads differed or failed, changes could not be replicated, or findings are open.`;
  return { lead, rest };
}

/** The state of the cut-over and its figures. */
export function renderSummary(report: CutoverReport): Html {
  const { createdAt, tenants } = report;
  const { lead, rest } = describeCutover(report);
  const sign = SIGNS[tenants.some(needsAttention) ? "attention" : "calm"];
  return html`<header>
<p class="brand">${STONES}<span>Cairn · Cut-over from Chroma · <time datetime="${createdAt}">${formatMoment(createdAt)}</time></span></p>
<div class="verdict">
<svg class="sign" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true">${sign}</svg>
<h1>${lead}<span class="sr">: </span><span class="rest">${rest}</span></h1>
</div>
<dl class="figures">${chooseFigures(report).map(renderPair)}</dl>
<dl class="facts">${chooseFacts(report).map(renderPair)}</dl>
</header>`;
}

function chooseFigures({ tenants }: CutoverReport): readonly (readonly [string, Piece])[] {
  const sum = (countIn: (tenant: TenantSummary) => number) =>
    tenants.reduce((total, tenant) => total + countIn(tenant), 0);
  const compared = sum(({ reads }) => reads.compared);
  const differed = sum(({ reads }) => reads.differed);
  return [
    ["reads compared", formatCount(compared)],
    ["agreement", formatAgreement(compared === 0 ? null : (compared - differed) / compared)],
    ["reads that differed", formatCount(differed)],
    ["missed by Chroma's index", formatCount(sum(({ reads }) => reads.missed))],
    ["changes not replicated", formatCount(sum(({ journal }) => journal.depth))],
    ["open findings", formatCount(sum(({ openFindings }) => openFindings))],
  ];
}

function chooseFacts({ tenants, hours }: CutoverReport): readonly (readonly [string, Piece])[] {
  const counts = PHASES.map(
    (phase) => [`In ${phase}`, formatCount(tenants.filter((tenant) => tenant.phase === phase).length)] as const,
  );
  return [...counts.filter(([, count]) => count !== "0"), ["Requests of", `the last ${countOf(hours, "hour")}`]];
}
