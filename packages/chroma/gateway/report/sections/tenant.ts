import { formatCount } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import type { ShadowResults } from "../../shadow/statistics/results.ts";
import { renderAgreement } from "../charts/agreement.ts";
import { renderLatency } from "../charts/latency.ts";
import { describeReads, formatAge, formatAgreement, formatTime, PHASES, renderPair } from "../format.ts";
import type { CutoverReport, TenantDetail, TenantSummary } from "../report.ts";
import { renderDisagreements } from "./disagreements.ts";
import { renderFindings } from "./findings.ts";
import { renderComparison, renderHistory, renderWrites } from "./history.ts";

/** The section of one tenant. */
export function renderTenant(report: CutoverReport, tenant: TenantSummary, detail: TenantDetail): Html {
  const { phase, since, reads, writes } = tenant;
  const note = html`In phase <strong>${phase}</strong> since ${formatTime(since)}: ${PHASES[phase]}. ${describeReads(reads)}`;
  const section = { id: `tenant-${tenant.tenantId}`, title: shorten(tenant.name, 120), note, isWide: true };
  return renderSection(section, [
    html`<dl class="figures">${chooseFigures(tenant).map(renderPair)}</dl>`,
    reads.compared > 0 &&
      html`<div class="pair">${renderAgreement(detail.series, report)}${renderLatency(reads)}</div>`,
    renderDisagreements(detail),
    renderFindings(detail),
    html`<div class="pair"><div>${renderComparison(detail.comparison)}</div>${renderWrites(writes)}</div>`,
    renderHistory(detail.events),
  ]);
}

function chooseFigures({ reads, journal, openFindings }: TenantSummary): readonly (readonly [string, Piece])[] {
  const oldest = journal.oldestSeconds === null ? "" : `, the oldest for ${formatAge(journal.oldestSeconds)}`;
  return [
    ...chooseReadFigures(reads),
    [`changes not replicated${oldest}`, formatCount(journal.depth)],
    ["open findings", formatCount(openFindings)],
  ];
}

/** The figures of compared reads; none if no read was sampled. */
function chooseReadFigures(reads: ShadowResults): readonly (readonly [string, Piece])[] {
  if (reads.compared + reads.excluded + reads.failed + reads.dropped === 0) return [];
  return [
    ["agreement", formatAgreement(reads.agreement)],
    ["reads compared", formatCount(reads.compared)],
    ["differed", formatCount(reads.differed)],
    ["missed by Chroma's index", formatCount(reads.missed)],
    ["in flight, not compared", formatCount(reads.excluded)],
    ["failed or too slow", formatCount(reads.failed)],
    ["dropped, no room", formatCount(reads.dropped)],
  ];
}
