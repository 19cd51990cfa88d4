import { nameReason, renderReasons } from "../charts/reasons.ts";
import { countOf, formatCount, formatId } from "../format.ts";
import { type Html, html, type Piece } from "../markup.ts";
import { nameBySource } from "../name.ts";
import type { MigrationReport, ReportException } from "../report.ts";
import { type Column, renderTable } from "../table.ts";
import { shorten } from "../visible.ts";
import { renderSection } from "./section.ts";

/** Rows that a page still shows with ease; `report.json` has all. */
const SHOWN = 1_000;

/** The records that could not be carried over whole, by reason and one by one. */
export function renderExceptions({ exceptions, totals, collections }: MigrationReport): Html {
  const title = "Exceptions";
  if (totals.exceptions === 0) {
    return renderSection(
      { id: "exceptions", title },
      html`<p class="none">None: every record was carried over whole.</p>`,
    );
  }
  const shown = exceptions.slice(0, SHOWN);
  const rest =
    shown.length < totals.exceptions &&
    ` Here are the first ${formatCount(shown.length)} of ${formatCount(totals.exceptions)}.`;
  const note = html`Records that could not be carried over whole, so that no vector search finds them. The detail tells what was kept.${rest}`;
  return renderSection({ id: "exceptions", title, note }, [
    renderReasons(exceptions),
    renderTable(countOf(shown.length, "exception"), chooseColumns(nameBySource(collections)), shown),
  ]);
}

function chooseColumns(nameCollection: (source: string) => Piece): readonly Column<ReportException>[] {
  return [
    { head: "Id", cell: ({ id }) => formatId(id) },
    { head: "Reason", cell: ({ reason }) => nameReason(reason) },
    { head: "Collection", cell: ({ collection }) => nameCollection(collection) },
    { head: "Detail", cell: ({ detail }) => shorten(detail, 400) || "–" },
  ];
}
