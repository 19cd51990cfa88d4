import { countOf, formatCount, formatId } from "../format.ts";
import { type Html, html, type Piece } from "../markup.ts";
import { nameBySource } from "../name.ts";
import type { DifferenceKind, MigrationReport, ReportDifference } from "../report.ts";
import { type Column, renderTable } from "../table.ts";
import { shorten } from "../visible.ts";
import { renderSection } from "./section.ts";

/** Rows that a page still shows with ease; `report.json` has all. */
const SHOWN = 1_000;

const KINDS: Readonly<Record<DifferenceKind, string>> = {
  missing: "Missing in Cairn",
  extra: "In Cairn only",
  content: "Another text",
  metadata: "Other metadata",
  vector: "Another vector",
  uri: "Another URI",
};

/** The records that differ. Nothing where none does. */
export function renderDifferences({ totals, differences, collections }: MigrationReport): Html | null {
  if (totals.differences === 0) return null;
  const shown = differences.slice(0, SHOWN);
  const note =
    shown.length < totals.differences &&
    `The first ${formatCount(shown.length)} of ${formatCount(totals.differences)}.`;
  return renderSection(
    { id: "differences", title: "What differs", note, wide: true },
    renderTable(countOf(shown.length, "difference"), chooseColumns(nameBySource(collections)), shown),
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
