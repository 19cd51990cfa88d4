import { formatCount, formatId } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import { formatAge, formatAgreement, formatMilliseconds, formatTime } from "../format.ts";
import { needsAttention } from "../read.ts";
import type { CutoverReport, TenantSummary } from "../report.ts";

/** Rows of the table: about 1 kB each. */
const MAX_ROWS = 2_000;

const COLUMNS: readonly Column<TenantSummary>[] = [
  { head: "Tenant", cell: nameTenant },
  { head: "Phase", cell: ({ phase, since }) => html`${phase} <small>since ${formatTime(since)}</small>` },
  { head: "Reads compared", numeric: true, cell: ({ reads }) => formatCount(reads.compared) },
  { head: "Agreement", numeric: true, cell: ({ reads }) => formatAgreement(reads.agreement) },
  { head: "Differed", numeric: true, cell: ({ reads }) => mark(reads.differed) },
  { head: "Failed", numeric: true, cell: ({ reads }) => mark(reads.failed) },
  { head: "p95, Chroma → Cairn", numeric: true, cell: nameLatency },
  { head: "Not replicated", numeric: true, cell: nameJournal },
  { head: "Open findings", numeric: true, cell: ({ openFindings }) => mark(openFindings) },
];

/** Every tenant in one row. `detailed`: how many of them have a section of their own. */
export function renderTenants({ tenants }: CutoverReport, detailed: number): Html {
  const shown = tenants.slice(0, MAX_ROWS);
  const hidden = tenants.length - shown.length;
  const rest =
    detailed < tenants.length &&
    ` The first ${formatCount(detailed)} of ${formatCount(tenants.length)} have a section below.`;
  const note = html`Tenants that need attention come first.${rest}${hidden > 0 && ` The table leaves out the last ${formatCount(hidden)}.`}`;
  const body =
    shown.length === 0
      ? html`<p class="none">No tenant is part of the cut-over.</p>`
      : renderTable("Every tenant of the cut-over", COLUMNS, shown);
  return renderSection({ id: "tenants", title: "Tenants", note, isWide: true }, body);
}

function nameTenant(tenant: TenantSummary): Piece {
  const name = html`<bdi>${shorten(tenant.name, 60)}</bdi>`;
  return html`${needsAttention(tenant) ? html`<span class="not_identical">${name}</span>` : name}<small class="from">${formatId(tenant.tenantId)}</small>`;
}

function mark(count: number): Piece {
  return count > 0 ? html`<span class="not_identical">${formatCount(count)}</span>` : "0";
}

function nameLatency({ reads: { compared, latency } }: TenantSummary): string {
  if (compared === 0) return "–";
  return `${formatMilliseconds(latency.chroma.p95)} → ${formatMilliseconds(latency.cairn.p95)}`;
}

function nameJournal({ journal: { depth, oldestSeconds, failing } }: TenantSummary): Piece {
  if (depth === 0) return "0";
  const notes = [
    oldestSeconds !== null && `oldest ${formatAge(oldestSeconds)}`,
    failing > 0 && `${formatCount(failing)} failing`,
  ];
  return html`${formatCount(depth)} <small>${notes.filter((note) => note !== false).join(", ")}</small>`;
}
