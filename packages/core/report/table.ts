import { type Html, html, type Piece, trusted } from "./markup.ts";

export interface Column<Row> {
  readonly head: string;
  /** Aligned right with tabular figures. Default false. */
  readonly numeric?: boolean;
  readonly cell: (row: Row) => Piece;
}

/**
 * Renders a table whose first column contains the row headers. On a narrow screen, each row becomes a block that repeats the
 * column headers (`data-head`). The roles keep it a table for screen readers.
 */
export function renderTable<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Html {
  const heads = columns.map(
    ({ head, numeric }) => html`<th role="columnheader" scope="col"${right(numeric)}>${head}</th>`,
  );
  return html`<div class="table"><table role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup">${rows.map((row) => renderRow(columns, row))}</tbody>
</table></div>`;
}

function renderRow<Row>([first, ...others]: readonly Column<Row>[], row: Row): Html {
  const cells = others.map(
    ({ head, numeric, cell }) =>
      html`<td role="cell" data-head="${head}"${right(numeric)}><span>${cell(row)}</span></td>`,
  );
  return html`
<tr role="row"><th role="rowheader" scope="row">${first?.cell(row)}</th>${cells}</tr>`;
}

function right(numeric = false): Html {
  return trusted(numeric ? ' class="n"' : "");
}
