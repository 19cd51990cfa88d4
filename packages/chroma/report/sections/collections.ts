import { formatCount, formatId, formatSeconds, formatSmall } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { nameTarget } from "../name.ts";
import type { CollectionReport, MigrationReport, Verdict } from "../report.ts";
import { listDifferences, VERDICTS } from "../verdict.ts";

/** Collections that need attention come first. */
const ORDER: Readonly<Record<Verdict, number>> = {
  not_identical: 0,
  identical_with_exceptions: 1,
  identical: 2,
};

/** This column is omitted for a verification, which writes nothing. */
const WRITTEN = "Written";

const COLUMNS: readonly Column<CollectionReport>[] = [
  { head: "Collection", cell: nameCollection },
  { head: "Verdict", cell: explainVerdict },
  { head: "In Chroma", numeric: true, cell: ({ sourceCount }) => formatCount(sourceCount) },
  { head: "In Cairn", numeric: true, cell: ({ targetCount }) => formatCount(targetCount) },
  { head: "Compared", numeric: true, cell: ({ compared }) => formatCount(compared) },
  { head: "Vectors exact", numeric: true, cell: ({ vectorsExact }) => formatCount(vectorsExact) },
  {
    head: "Within tolerance",
    numeric: true,
    cell: ({ vectorsWithinTolerance }) => formatCount(vectorsWithinTolerance),
  },
  { head: "Largest difference", numeric: true, cell: nameLargest },
  { head: "Vectors", cell: explainVectors },
  { head: WRITTEN, numeric: true, cell: ({ written }) => formatCount(written) },
  { head: "Time", numeric: true, cell: nameTime },
];

/** Renders every collection as one row. */
export function renderCollections({ collections, kind }: MigrationReport): Html {
  const columns = kind === "verify" ? COLUMNS.filter(({ head }) => head !== WRITTEN) : COLUMNS;
  const sorted = [...collections].sort((a, b) => ORDER[a.verdict] - ORDER[b.verdict] || b.sourceCount - a.sourceCount);
  const note = "Counts, vectors and passes of each collection. The name in Chroma is below the name in Cairn.";
  return renderSection(
    { id: "collections", title: "Collection by collection", note, isWide: true },
    renderTable("Every collection compared", columns, sorted),
  );
}

function nameCollection({ source, target }: CollectionReport): Piece {
  const usual = source.tenant === "default_tenant" && source.database === "default_database";
  const from = usual ? source.name : `${source.tenant}/${source.database}/${source.name}`;
  return html`${nameTarget(target)}<small class="from">${formatId(from, 80)}</small>`;
}

function explainVerdict({ verdict, state, differences }: CollectionReport): Piece {
  const found = listDifferences(differences);
  const otherState = state !== "identical" && state !== "not_identical" && `state: ${state}`;
  const notes = [found, otherState].filter(Boolean).join("; ");
  return html`<span class="${verdict}">${VERDICTS[verdict]}</span>${notes && html` <small>${notes}</small>`}`;
}

function nameLargest({ maxVectorDifference }: CollectionReport): Piece {
  return maxVectorDifference === null ? "–" : formatSmall(maxVectorDifference);
}

function explainVectors({ vectors, why, model, dimensions, metric }: CollectionReport): Piece {
  const space = [
    model ?? "unknown model",
    dimensions === null ? null : `${formatCount(dimensions)} dimensions`,
    metric,
  ];
  return html`${vectors === "copy" ? "Copied" : "Embedded again"}: ${why} <small>${space.filter(Boolean).join(" · ")}</small>`;
}

function nameTime({ seconds, passes }: CollectionReport): Piece {
  return html`${formatSeconds(seconds)}${passes > 1 && html` <small>${passes} passes</small>`}`;
}
