import { countOf, formatCount, formatId, formatShare } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import type { DifferingRecord, ShadowHit } from "../../shadow/compare/outcome.ts";
import { formatDistance, formatTime } from "../format.ts";
import type { DisagreementRow, TenantDetail } from "../report.ts";

/** Hits and ids of a list. The database has up to twenty. */
const MAX_LISTED = 10;

const OUTCOMES: Readonly<Record<DisagreementRow["outcome"], string>> = {
  missed: "Chroma's index missed records",
  differed: "Differs",
};

const COLUMNS: readonly Column<DisagreementRow>[] = [
  { head: "Read", cell: nameRead },
  {
    head: "Result",
    cell: ({ outcome }) => html`<span class="${outcome === "differed" && "not_identical"}">${OUTCOMES[outcome]}</span>`,
  },
  { head: "Agreement", numeric: true, cell: ({ agreement }) => formatShare(agreement) },
  { head: "Chroma", cell: (row) => renderSide(row, "chroma") },
  { head: "Cairn", cell: (row) => renderSide(row, "cairn") },
  { head: "Exact answer", cell: renderExact },
  { head: "Other fields", cell: renderDiffering },
];

/** The worst disagreements, with ids and distances. Underlined: what the other side does not have. */
export function renderDisagreements({ disagreements, disagreementCount }: TenantDetail): Html | false {
  if (disagreements.length === 0) return false;
  const rest =
    disagreements.length < disagreementCount
      ? `, the first ${formatCount(disagreements.length)} of the ${formatCount(disagreementCount)} that are kept`
      : "";
  return renderTable(
    `${countOf(disagreements.length, "disagreement")}, the worst first${rest}. Underlined: only one side has it`,
    COLUMNS,
    disagreements,
  );
}

function nameRead({ kind, collection, at, difference }: DisagreementRow): Piece {
  const details =
    difference.kind === "hits" &&
    `, first ${formatCount(difference.limit)}${difference.isFiltered ? ", filtered" : ""}`;
  return html`${kind}${details} <small>${formatId(collection, 80)}</small> <small>${formatTime(at)}</small>`;
}

function renderSide({ difference, counts }: DisagreementRow, side: "chroma" | "cairn"): Piece {
  switch (difference.kind) {
    case "status":
      return `status ${difference[side]}`;
    case "count":
      return countOf(difference[side], "record");
    case "records": {
      const name = side === "chroma" ? "onlyInChroma" : "onlyInCairn";
      const hits = difference[name].map((id) => ({ id, distance: null }));
      return renderHits(hits, { others: new Set(), total: counts[name] });
    }
    case "hits": {
      const others = new Set(difference[side === "chroma" ? "cairn" : "chroma"].map(({ id }) => id));
      return renderHits(difference[side], { others, total: counts[side] });
    }
  }
}

function renderExact({ difference, counts }: DisagreementRow): Piece {
  if (difference.kind !== "hits" || difference.exact === null) return "–";
  const others = new Set(difference.exact.map(({ id }) => id));
  return renderHits(difference.exact, { others, total: counts.exact });
}

interface HitsOptions {
  /** Ids that are not marked. */
  readonly others: ReadonlySet<string>;
  /** Default: all are in the list. */
  readonly total: number | undefined;
}

function renderHits(hits: readonly ShadowHit[], { others, total = hits.length }: HitsOptions): Piece {
  if (hits.length === 0) return "–";
  const shown = hits.slice(0, MAX_LISTED);
  const rest = total - shown.length;
  return html`<ul class="hits">${shown.map(({ id, distance }) => html`<li${!others.has(id) && html` class="only"`}>${formatId(id, 40)}${distance !== null && html` <small>${formatDistance(distance)}</small>`}</li>`)}${rest > 0 && html`<li class="soft">and ${formatCount(rest)} more</li>`}</ul>`;
}

function renderDiffering({ difference, counts }: DisagreementRow): Piece {
  if (difference.kind !== "hits" && difference.kind !== "records") return "–";
  const { differing } = difference;
  if (differing.length === 0) return "–";
  const shown = differing.slice(0, MAX_LISTED);
  const rest = (counts.differing ?? differing.length) - shown.length;
  return html`<ul class="hits">${shown.map(renderRecord)}${rest > 0 && html`<li class="soft">and ${formatCount(rest)} more</li>`}</ul>`;
}

function renderRecord({ id, fields }: DifferingRecord): Html {
  return html`<li>${formatId(id, 40)} <small>${fields.join(", ")}</small></li>`;
}
