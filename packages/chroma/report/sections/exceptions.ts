import { countOf, formatCount, formatId } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import { nameReason, renderReasons } from "../charts/reasons.ts";
import { nameBySource } from "../name.ts";
import type { MigrationReport, ReportException } from "../report.ts";

/** Maximum rows that the page shows. `report.json` has all. */
const MAX_ROWS = 1_000;

/** Renders the quarantined records, by reason and as a list. */
export function renderExceptions({ exceptions, totals, collections }: MigrationReport): Html {
  const title = "Exceptions";
  if (totals.exceptions === 0) {
    return renderSection(
      { id: "exceptions", title },
      html`<p class="none">None: every record was migrated completely.</p>`,
    );
  }
  const shown = exceptions.slice(0, MAX_ROWS);
  const rest =
    shown.length < totals.exceptions &&
    ` The table shows the first ${formatCount(shown.length)} of ${formatCount(totals.exceptions)}.`;
  const note = html`Quarantined records, which no vector search can find. The detail says what was kept.${rest}`;
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
