import { countOf, formatCount, formatShare } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { renderDistances } from "../charts/distances.ts";
import { renderOverlap } from "../charts/overlap.ts";
import { nameBySource } from "../name.ts";
import type { MigrationReport, SearchReport } from "../report.ts";

/** Maximum collections that the page shows. `report.json` has all. */
const MAX_COLLECTIONS = 40;

type Row = SearchReport["perCollection"][number];

/** Renders the comparison of search results: overlap, distances, and each collection. */
export function renderSearch({ search, collections }: MigrationReport): Html {
  const title = "Search results";
  if (!search || search.perQuery.length === 0) {
    return renderSection(
      { id: "search", title },
      html`<p class="none">Search results were not compared in this run.</p>`,
    );
  }
  return renderSection({ id: "search", title, note: explain(search) }, [
    html`<div class="pair">${renderOverlap(search)}${search.distances.length > 0 && renderDistances(search.distances)}</div>`,
    renderLowest(search.perCollection, nameBySource(collections)),
  ]);
}

function explain(search: SearchReport): Html {
  const { queries, topK, meanOverlapWithChroma, meanOverlapWithExact, meanOverlapOfChromaWithExact } = search;
  const other =
    meanOverlapOfChromaWithExact !== undefined && `; Chroma finds ${formatShare(meanOverlapOfChromaWithExact)} of them`;
  return html`${countOf(queries, "query", "queries")} ran on both sides. On average ${formatShare(meanOverlapWithChroma)} of Cairn's first ${topK} are in Chroma's first ${topK}, and Cairn finds ${formatShare(meanOverlapWithExact)} of the exact results${other}. The exact search compares every vector with the query and uses no index.`;
}

function renderLowest(collections: readonly Row[], nameCollection: (source: string) => Piece): Html {
  const lowest = [...collections].sort((a, b) => lowerOverlap(a) - lowerOverlap(b)).slice(0, MAX_COLLECTIONS);
  const caption =
    lowest.length < collections.length
      ? `The ${MAX_COLLECTIONS} of ${formatCount(collections.length)} collections with the lowest overlap`
      : "Overlap in each collection, lowest first";
  return renderTable(caption, chooseColumns(nameCollection), lowest);
}

function lowerOverlap({ overlapWithChroma, overlapWithExact }: Row): number {
  return Math.min(overlapWithChroma, overlapWithExact);
}

function chooseColumns(nameCollection: (source: string) => Piece): readonly Column<Row>[] {
  return [
    { head: "Collection", cell: ({ collection }) => nameCollection(collection) },
    { head: "Queries", numeric: true, cell: ({ queries }) => formatCount(queries) },
    { head: "As in Chroma", numeric: true, cell: ({ overlapWithChroma }) => formatShare(overlapWithChroma) },
    {
      head: "As in exact search",
      numeric: true,
      cell: ({ overlapWithExact }) => formatShare(overlapWithExact),
    },
  ];
}
