import { stringifyJson } from "@cairn/core/database/json.ts";

/** Prints a value as JSON on standard output. */
export function printJson(value: unknown): void {
  console.log(stringifyJson(value, 2));
}

/** Prints rows as a table: columns as wide as they need to be, numbers to the right. Nothing for no rows. */
export function printTable(rows: readonly Readonly<Record<string, string | number | null>>[]): void {
  const [first] = rows;
  if (!first) return;
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => visible(String(row[column] ?? ""))));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const isNumber = columns.map((column) =>
    rows.every((row) => typeof row[column] === "number" || row[column] === null),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) =>
        isNumber[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0),
      )
      .join("  ")
      .trimEnd();
  console.log(line(columns));
  console.log(widths.map((width) => "─".repeat(width)).join("  "));
  for (const row of cells) console.log(line(row));
}

/** Control characters, line separators, what turns the direction of writing, and halves of surrogate pairs. */
const UNSEEN = /[\p{Cc}\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/** What a terminal obeys or cannot show as escapes, and no more than `most` characters: ids can hold anything. */
export function visible(text: string, most = 80): string {
  const shown = text.replaceAll(
    UNSEEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  // A pair is not cut in two.
  return shown.length > most ? `${shown.slice(0, most - 1).replace(/\p{Cs}$/u, "")}…` : shown;
}

/**
 * A text over several lines, each after the first with `indent` before it: line breaks are kept, other control characters
 * are escapes, tabs spaces. No more than `most` characters.
 */
export function visibleLines(
  text: string,
  { most = Number.POSITIVE_INFINITY, indent = "" }: { readonly most?: number; readonly indent?: string } = {},
): string {
  const cut = text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text;
  return cut
    .split(/\r\n|[\n\r]/)
    .map((line) => visible(line.replaceAll("\t", "    "), Number.POSITIVE_INFINITY))
    .map((line, at) => (at === 0 || line === "" ? line : indent + line))
    .join("\n");
}

/** A text on one line: white space of any kind as one space. */
export function visibleLine(text: string, most?: number): string {
  return visible(text.trim().replaceAll(/\s+/g, " "), most);
}

/** A number of bytes as people read it. */
export function bytes(count: number): string {
  if (count < 1e3) return `${count} B`;
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (count >= size) return `${(count / size).toFixed(1)} ${unit}`;
  return `${count} B`;
}

/** A number of seconds as people read it. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A paragraph written over several lines as one, for commander to break where the terminal ends. */
export function paragraph(text: string): string {
  return text.trim().replaceAll(/\n(?!\s)/g, " ");
}
