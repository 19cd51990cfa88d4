import { extname } from "node:path";

export const FORMATS = ["text", "markdown", "jsonl", "json", "csv", "html", "pdf", "docx"] as const;
export type Format = (typeof FORMATS)[number];

const FORMAT_OF_EXTENSION: Readonly<Record<string, Format>> = {
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
  ".pdf": "pdf",
  ".docx": "docx",
  ".docm": "docx",
};

/** The extensions of files that are ingested from a folder. */
export const EXTENSIONS: readonly string[] = [".txt", ...Object.keys(FORMAT_OF_EXTENSION)];

/** Detects the format of a file by its extension, or else by its first characters. `-` is standard input. */
export function detectFormat(file: string, head: string): Format {
  const format = FORMAT_OF_EXTENSION[extname(file).toLowerCase()];
  if (format) return format;
  const start = head.trimStart();
  if (/^<(?:!doctype html|html|head|body)\b/i.test(start)) return "html";
  if (file !== "-") return "text";
  if (start.startsWith("{")) return isCompleteJson(start.split("\n", 1)[0] ?? "") ? "jsonl" : "json";
  return /^\[\s*[{\]]/.test(start) ? "json" : "text";
}

function isCompleteJson(line: string): boolean {
  // A line that is longer than the examined characters cannot be parsed. It counts as JSON Lines.
  if (!line.trimEnd().endsWith("}")) return line.length > 10_000;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
