import { sep } from "node:path";
import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { type CsvRecord, readCsv } from "./csv.ts";
import type { Format } from "./detect.ts";
import { type InputDocument, parseAt, readRecord, refused } from "./document.ts";
import { htmlToText } from "./html.ts";

/** A file or standard input, as text that arrives in pieces. It can be read again. */
export interface TextSource {
  /** As the user named it; `-` for standard input. */
  readonly file: string;
  readonly format: Format;
  readonly pieces: () => AsyncIterable<string>;
  /** Of a CSV file: what its columns hold, once it has been read. */
  readonly columns: Map<string, ColumnType>;
}

/** What all values of a column are. Text is the most general. */
type ColumnType = "number" | "boolean" | "text";

/** UTF-16 units of a line, and of a file that is read whole. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;
const MAX_WHOLE_LENGTH = 256 * 1024 * 1024;

export function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/** The documents of a source, one after the other. Throws `invalid_input`, naming the place and the way out. */
export async function* readDocuments(
  source: TextSource,
  { id }: { readonly id?: string } = {},
): AsyncGenerator<InputDocument> {
  const { file, format } = source;
  const place = nameOf(file);
  const own = file === "-" ? id : file.split(sep).join("/");
  if (format === "jsonl") yield* readLines(source);
  else if (format === "csv") yield* readRows(source, own);
  else if (format === "json") yield* readJson(parseAt(await readWhole(source), place), place);
  else if (format === "html") {
    const { text, title } = htmlToText(await readWhole(source));
    yield { id: own, content: text, metadata: { format, ...(title ? { title } : {}) }, place };
  } else yield { id: own, content: await readWhole(source), metadata: { format }, place };
}

async function readWhole({ file, pieces }: TextSource): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const piece of pieces()) {
    length += piece.length;
    if (length > MAX_WHOLE_LENGTH)
      throw refused(
        nameOf(file),
        `as one document: it has more than ${MAX_WHOLE_LENGTH / 1024 / 1024} million characters. Split it, or write JSON Lines`,
      );
    parts.push(piece);
  }
  return parts.join("");
}

async function* readLines({ file, pieces }: TextSource): AsyncGenerator<InputDocument> {
  let number = 0;
  for await (const line of splitLines(pieces(), nameOf(file))) {
    number++;
    if (line.trim() !== "") yield* readJsonLine(line, `${nameOf(file)}, line ${number}`);
  }
}

function* readJsonLine(line: string, place: string): Generator<InputDocument> {
  const value = parseAt(line, place);
  if (pageOf(value)) yield* readJson(value, place);
  else yield readRecord(value, place);
}

async function* splitLines(pieces: AsyncIterable<string>, name: string): AsyncGenerator<string> {
  let parts: string[] = [];
  let length = 0;
  for await (const piece of pieces) {
    const lines = piece.split("\n");
    for (const [at, line] of lines.entries()) {
      parts.push(line);
      length += line.length;
      if (length > MAX_LINE_LENGTH)
        throw refused(name, `: one of its lines has more than ${MAX_LINE_LENGTH} characters`);
      if (at === lines.length - 1) continue;
      yield parts.join("");
      parts = [];
      length = 0;
    }
  }
  yield parts.join("");
}

/** The documents of a page, as `cairn documents list --json` prints it. */
function pageOf(value: JsonValue): readonly JsonValue[] | undefined {
  const page = isObject(value) && value.content === undefined ? value.documents : undefined;
  return Array.isArray(page) ? page : undefined;
}

function* readJson(value: JsonValue, place: string): Generator<InputDocument> {
  const list = Array.isArray(value) ? value : pageOf(value);
  const at = Array.isArray(value) ? place : `${place}, documents`;
  if (list) {
    for (const [index, item] of list.entries()) {
      const where = `${at}[${index}]`;
      yield typeof item === "string" ? { content: item, place: where } : readRecord(item, where);
    }
  } else if (isObject(value) && ["content", "embedding"].some((key) => key in value))
    yield readRecord(value, place);
  else
    throw refused(
      place,
      `: it is neither a list of documents, as in [{"id": "a", "content": "…"}], nor one document. With --format text it is ingested as it stands`,
    );
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Columns that are fields of a document; every other one is metadata. */
const FIELDS: Readonly<Record<string, "id" | "content" | "uri" | "embedding" | "metadata">> = {
  id: "id",
  content: "content",
  text: "content",
  document: "content",
  uri: "uri",
  url: "uri",
  embedding: "embedding",
  metadata: "metadata",
};

async function* readRows(source: TextSource, own: string | undefined): AsyncGenerator<InputDocument> {
  const { file, pieces, columns } = source;
  const name = nameOf(file);
  let header: readonly string[] | undefined;
  let row = 1;
  for await (const record of readCsv(pieces(), {
    name,
    separator: file.endsWith(".tsv") ? "\t" : undefined,
  })) {
    if (!header) {
      header = readHeader(record, name);
      continue;
    }
    row++;
    const place = `${name}, line ${record.line}`;
    if (record.fields.length !== header.length)
      throw refused(place, `: it has ${record.fields.length} fields, and the header has ${header.length}`);
    yield toDocument(record, { header, columns, place, id: own === undefined ? undefined : `${own}#${row}` });
  }
}

function readHeader({ fields }: CsvRecord, name: string): readonly string[] {
  const header = fields.map((field) => field.replace(/^\ufeff/, "").trim());
  const twice = header.find((column, at) => header.indexOf(column) !== at);
  if (header.includes("") || twice !== undefined)
    throw refused(
      `${name}, line 1`,
      twice
        ? `: its header has the column ${JSON.stringify(twice)} twice`
        : ": a column of its header has no name",
    );
  const taken = header.flatMap((column) => FIELDS[column.toLowerCase()] ?? []);
  const field = taken.find((known, at) => taken.indexOf(known) !== at);
  if (field)
    throw refused(`${name}, line 1`, `: two of its columns are the ${field} of a document; rename one`);
  return header;
}

interface RowOptions {
  readonly header: readonly string[];
  readonly columns: Map<string, ColumnType>;
  readonly place: string;
  /** For a row without an id of its own. */
  readonly id: string | undefined;
}

/** A row as a document. Where no column holds the text, the text is the row: `column: value`, a line each. */
function toDocument({ fields }: CsvRecord, { header, columns, place, id }: RowOptions): InputDocument {
  const given = new Map<string, string>();
  const metadata: [string, JsonValue][] = [];
  for (const [at, column] of header.entries()) {
    const value = fields[at] ?? "";
    const field = FIELDS[column.toLowerCase()];
    if (field) given.set(field, value);
    else if (value !== "") metadata.push([column, readValue(column, { value, columns })]);
  }
  const embedding = given.get("embedding");
  const more = given.get("metadata");
  const text = given.get("content") ?? metadata.map(([column, value]) => `${column}: ${value}`).join("\n");
  const value = {
    id: given.get("id") || id,
    content: text === "" ? null : text,
    metadata: {
      ...(more ? (parseAt(more, `${place}, metadata`) as JsonObject) : {}),
      ...Object.fromEntries(metadata),
    },
    uri: given.get("uri") || undefined,
    embedding: embedding ? parseAt(embedding, `${place}, embedding`) : undefined,
  };
  return readRecord(value as never, place);
}

/** A value of metadata: a number or a boolean where the whole column is; so a column of postcodes stays text. */
function readValue(
  column: string,
  { value, columns }: { readonly value: string; readonly columns: Map<string, ColumnType> },
): JsonValue {
  const type = typeOf(value);
  const known = columns.get(column) ?? type;
  const common = known === type ? type : "text";
  columns.set(column, common);
  if (common === "number") return Number(value);
  return common === "boolean" ? value.toLowerCase() === "true" : value;
}

function typeOf(value: string): ColumnType {
  if (/^(?:true|false)$/i.test(value)) return "boolean";
  // Only what is the same written again: not a postcode 01234, not a version 1.10, not digits beyond a double.
  return /^-?\d{1,16}(?:\.\d{1,16})?$/.test(value) && String(Number(value)) === value ? "number" : "text";
}
