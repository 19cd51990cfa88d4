import { stringifyJson } from "@cairn/core/database/json.ts";

/** Prints a value as JSON on standard output. */
export function printJson(value: unknown): void {
  console.log(stringifyJson(value, 2));
}

/** Prints rows as a table with right-aligned numbers. Prints nothing if there are no rows. */
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
      .map((text, index) => (isNumber[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)))
      .join("  ")
      .trimEnd();
  console.log(line(columns));
  console.log(widths.map((width) => "─".repeat(width)).join("  "));
  for (const row of cells) console.log(line(row));
}

/** Control characters, line separators, bidirectional controls and unpaired surrogates. */
const INVISIBLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * Escapes the characters that a terminal interprets or cannot show, and shortens the text to `maxLength` characters. Ids and
 * texts can contain any character.
 */
export function visible(text: string, maxLength = 80): string {
  const escaped = text.replaceAll(
    INVISIBLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  // Removes half a surrogate pair at the end.
  return escaped.length > maxLength ? `${escaped.slice(0, maxLength - 1).replace(/\p{Cs}$/u, "")}…` : escaped;
}

/**
 * Formats a text of several lines for the terminal. Line breaks are kept, tabs become spaces, other control characters are
 * escaped. Each line after the first starts with `indent`. The text is shortened to `maxLength` characters.
 */
export function visibleLines(
  text: string,
  { maxLength = Number.POSITIVE_INFINITY, indent = "" }: { readonly maxLength?: number; readonly indent?: string } = {},
): string {
  const shortened = text.length > maxLength ? `${text.slice(0, maxLength - 1).trimEnd()}…` : text;
  return shortened
    .split(/\r\n|[\n\r]/)
    .map((line) => visible(line.replaceAll("\t", "    "), Number.POSITIVE_INFINITY))
    .map((line, index) => (index === 0 || line === "" ? line : indent + line))
    .join("\n");
}

/** Formats a text as one line: each run of white space becomes one space. */
export function visibleLine(text: string, maxLength?: number): string {
  return visible(text.trim().replaceAll(/\s+/g, " "), maxLength);
}

/** Formats a number of bytes: `391.0 MB`. */
export function bytes(count: number): string {
  for (const [unit, size] of Object.entries({ GB: 1e9, MB: 1e6, kB: 1e3 }))
    if (count >= size) return `${(count / size).toFixed(1)} ${unit}`;
  return `${count} B`;
}

/** Formats a duration in seconds: `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Joins the lines of each paragraph, so that commander can wrap them at the width of the terminal. */
export function paragraph(text: string): string {
  return text.trim().replaceAll(/\n(?!\s)/g, " ");
}
