import { countOf, formatCount, formatId } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import { nameBySource } from "../name.ts";
import type { DifferenceKind, MigrationReport, ReportDifference } from "../report.ts";

/** Maximum rows that the page shows. `report.json` has all. */
const MAX_ROWS = 1_000;

const KINDS: Readonly<Record<DifferenceKind, string>> = {
  missing: "Missing in Cairn",
  extra: "In Cairn only",
  deleted: "Deleted in Cairn",
  content: "Another text",
  metadata: "Other metadata",
  vector: "Another vector",
  uri: "Another URI",
  failed: "Failed",
};

/** Renders the records that differ; null if there are none. */
export function renderDifferences({ totals, differences, collections }: MigrationReport): Html | null {
  const total = totals.differences - (totals.changedInCairn ?? 0);
  if (total === 0) return null;
  const shown = differences.filter(({ madeInCairn }) => !madeInCairn).slice(0, MAX_ROWS);
  const note = shown.length < total && `The first ${formatCount(shown.length)} of ${formatCount(total)}.`;
  return renderSection(
    { id: "differences", title: "What differs", note, isWide: true },
    renderTable(countOf(shown.length, "difference"), chooseColumns(nameBySource(collections)), shown),
  );
}

/** Renders what was added, edited and deleted in Cairn since the migration; null if nothing was. */
export function renderChanges({ totals, differences, collections }: MigrationReport): Html | null {
  const total = totals.changedInCairn ?? 0;
  if (total === 0) return null;
  const shown = differences.filter(({ madeInCairn }) => madeInCairn).slice(0, MAX_ROWS);
  const first =
    shown.length < total && ` The table shows the first ${formatCount(shown.length)} of ${formatCount(total)}.`;
  const note = html`Changes made in Cairn since the migration. A migration keeps them unless it runs with <code>--discard-changes</code>.${first}`;
  return renderSection(
    { id: "changes", title: "Changed in Cairn", note, isWide: true },
    renderTable(countOf(shown.length, "change"), chooseColumns(nameBySource(collections)), shown),
  );
}

function chooseColumns(nameCollection: (source: string) => Piece): readonly Column<ReportDifference>[] {
  return [
    { head: "Id", cell: ({ id }) => (id === "" ? html`<em>the collection</em>` : formatId(id)) },
    { head: "What differs", cell: ({ kind }) => KINDS[kind] },
    { head: "Collection", cell: ({ collection }) => nameCollection(collection) },
    { head: "Detail", cell: ({ detail }) => shorten(detail, 400) || "–" },
  ];
}
