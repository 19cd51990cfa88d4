import { extname } from "node:path";

export const FORMATS = ["text", "markdown", "jsonl", "json", "csv", "html"] as const;
export type Format = (typeof FORMATS)[number];

const ENDINGS: Readonly<Record<string, Format>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".csv": "csv",
  ".tsv": "csv",
  ".md": "markdown",
  ".markdown": "markdown",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
};

/** The format that a file's ending or else its beginning shows. Standard input has no ending. */
export function guessFormat(file: string, head: string): Format {
  const known = ENDINGS[extname(file).toLowerCase()];
  if (known) return known;
  const start = head.trimStart();
  if (/^<(?:!doctype html|html|head|body)\b/i.test(start)) return "html";
  if (file !== "-") return "text";
  if (start.startsWith("{")) return isWholeJson(start.split("\n", 1)[0] ?? "") ? "jsonl" : "json";
  return /^\[\s*[{\]]/.test(start) ? "json" : "text";
}

function isWholeJson(line: string): boolean {
  // A line longer than the beginning that is looked at cannot be told: one line is JSON Lines.
  if (!line.trimEnd().endsWith("}")) return line.length > 10_000;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
