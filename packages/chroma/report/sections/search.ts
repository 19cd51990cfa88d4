import { renderDistances } from "../charts/distances.ts";
import { renderOverlap } from "../charts/overlap.ts";
import { countOf, formatCount, formatShare } from "../format.ts";
import { type Html, html, type Piece } from "../markup.ts";
import { nameBySource } from "../name.ts";
import type { MigrationReport, SearchReport } from "../report.ts";
import { type Column, renderTable } from "../table.ts";
import { renderSection } from "./section.ts";

/** More collections than this are in `report.json` alone. */
const SHOWN = 40;

type Row = SearchReport["perCollection"][number];

/** Results of both sides compared: overlap, distances, collection by collection. */
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
    meanOverlapOfChromaWithExact !== undefined &&
    `; Chroma finds ${formatShare(meanOverlapOfChromaWithExact)} of it`;
  return html`${countOf(queries, "query was", "queries were")} asked of both. On average ${formatShare(meanOverlapWithChroma)} of Cairn's first ${topK} are in Chroma's first ${topK}, and Cairn finds ${formatShare(meanOverlapWithExact)} of the exact answer${other}. The exact answer is every vector compared with the query, no index.`;
}

function renderLowest(collections: readonly Row[], nameCollection: (source: string) => Piece): Html {
  const lowest = [...collections].sort((a, b) => lower(a) - lower(b)).slice(0, SHOWN);
  const caption =
    lowest.length < collections.length
      ? `The ${SHOWN} of ${formatCount(collections.length)} collections with the lowest overlap`
      : "Overlap in each collection, lowest first";
  return renderTable(caption, chooseColumns(nameCollection), lowest);
}

function lower({ overlapWithChroma, overlapWithExact }: Row): number {
  return Math.min(overlapWithChroma, overlapWithExact);
}

function chooseColumns(nameCollection: (source: string) => Piece): readonly Column<Row>[] {
  return [
    { head: "Collection", cell: ({ collection }) => nameCollection(collection) },
    { head: "Queries", numeric: true, cell: ({ queries }) => formatCount(queries) },
    { head: "As Chroma's", numeric: true, cell: ({ overlapWithChroma }) => formatShare(overlapWithChroma) },
    {
      head: "As the exact answer",
      numeric: true,
      cell: ({ overlapWithExact }) => formatShare(overlapWithExact),
    },
  ];
}
