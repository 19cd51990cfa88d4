import { countOf, formatCount, formatId } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import { formatTime } from "../format.ts";
import type { FindingRow, TenantDetail } from "../report.ts";

const KINDS: Readonly<Record<string, string>> = {
  refused: "Refused by the replica",
  passages: "Several passages, which a record of Chroma cannot hold",
  conflict: "Another collection of the same name",
  bypass: "Changed without a recorded write",
};

const COLUMNS: readonly Column<FindingRow>[] = [
  { head: "Id", cell: ({ recordId }) => (recordId === "" ? html`<em>the collection</em>` : formatId(recordId)) },
  { head: "Collection", cell: ({ collection }) => formatId(collection) },
  { head: "What", cell: ({ kind }) => KINDS[kind] ?? kind.replaceAll("_", " ") },
  { head: "Side", cell: ({ side }) => (side === "chroma" ? "Chroma" : "Cairn") },
  { head: "Detail", cell: ({ detail }) => shorten(detail, 300) || "–" },
  { head: "Times", numeric: true, cell: ({ occurrences }) => formatCount(occurrences) },
  { head: "Last seen", cell: ({ lastAt }) => formatTime(lastAt) },
  {
    head: "State",
    cell: ({ resolvedAt }) => (resolvedAt === null ? html`<span class="not_identical">open</span>` : "resolved"),
  },
];

/** Records and collections that cannot be equal on both sides, open ones first. */
export function renderFindings({ findings, findingCount }: TenantDetail): Html | false {
  if (findings.length === 0) return false;
  const rest =
    findings.length < findingCount ? `, the first ${formatCount(findings.length)} of ${formatCount(findingCount)}` : "";
  return renderTable(`${countOf(findingCount, "finding")}${rest}`, COLUMNS, findings);
}
