import { countOf } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import { renderPage } from "@cairn/core/report/page.ts";
import { needsAttention } from "./read.ts";
import type { CutoverReport } from "./report.ts";
import { describeCutover, renderSummary } from "./sections/summary.ts";
import { renderTenant } from "./sections/tenant.ts";
import { renderTenants } from "./sections/tenants.ts";
import { CUTOVER_STYLE } from "./style.ts";

/** Characters of the sections of tenants, from which on the others are only rows of the table. */
const MAX_DETAIL_LENGTH = 6_000_000;

/**
 * Renders the state of a cut-over as one self-contained HTML page without external scripts, fonts or images, of at most
 * about 9 MB. Its content security policy forbids loading any, whatever the data contains.
 */
export function renderCutoverReport(report: CutoverReport): string {
  const { lead, rest } = describeCutover(report);
  const sections = renderDetails(report);
  return renderPage({
    title: lead,
    description: `${lead}. ${rest}`,
    verdict: report.tenants.some(needsAttention) ? "not_identical" : "identical",
    style: CUTOVER_STYLE,
    body: html`${renderSummary(report)}
<main>
${renderTenants(report, sections.length)}
${sections}
</main>
${renderMethod(report)}`,
  });
}

/** The sections of the first tenants, as many as fit. */
function renderDetails(report: CutoverReport): readonly Html[] {
  const tenants = new Map(report.tenants.map((tenant) => [tenant.tenantId, tenant]));
  const sections: Html[] = [];
  let length = 0;
  for (const detail of report.details) {
    const tenant = tenants.get(detail.tenantId);
    if (!tenant) continue;
    const section = renderTenant(report, tenant, detail);
    length += section.text.length;
    if (length > MAX_DETAIL_LENGTH) break;
    sections.push(section);
  }
  return sections;
}

function renderMethod({ hours }: CutoverReport): Html {
  return html`<footer>
<h2>How this was measured</h2>
<p>Requests are those of the last ${countOf(hours, "hour")}. Reads that Chroma answered were sampled and sent to Cairn too, after the client had its response. Counts must be equal. Records must be the same, with equal texts, metadata, URIs and vectors. Hits must be the same at the same distances; at the end of the list, hits at equal distance are interchangeable. Records that a write was changing are excluded.</p>
<p>Where hits disagreed, an exact search in Cairn decided: it compares every record and uses no index. If Cairn returned the true nearest records, and Chroma has them too and did not find them, <em>Chroma's index missed records</em>, which counts as agreement. Everything else <em>differs</em>. Distances of both sides differ by the rounding of 32-bit floats.</p>
<p>Latencies are estimated from counts in buckets. The report has ids and distances, and no text and no metadata of a record.</p>
</footer>`;
}
