import type { ComponentChildren } from "preact";

export interface Column<Row> {
  readonly head: string;
  /** Aligned right with tabular figures. Default false. */
  readonly isNumeric?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** On a narrow screen, a row takes two lines: the header with the first cell, and the other cells. Default false. */
  readonly isCompact?: boolean;
  /** Shown instead of the table if there are no rows. */
  readonly empty?: ComponentChildren;
}

/**
 * A table whose first column contains the row headers. On a narrow screen, each row becomes a block that repeats the column
 * headers (`data-head`). The roles keep it a table for screen readers.
 */
export function Table<Row>({ caption, columns, rows, keyOf, isCompact, empty }: TableProps<Row>) {
  const [first, ...others] = columns;
  if (rows.length === 0 && empty !== undefined) return <p class="soft">{empty}</p>;
  return (
    <div class={isCompact ? "table compact" : "table"}>
      <table role="table">
        <caption>{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, isNumeric }) => (
              <th key={head} role="columnheader" scope="col" class={isNumeric ? "n" : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row">
              <th role="rowheader" scope="row">
                {first?.cell(row)}
              </th>
              {others.map(({ head, isNumeric, cell }) => (
                <td key={head} role="cell" data-head={head} class={isNumeric ? "n" : undefined}>
                  <span>{cell(row)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
