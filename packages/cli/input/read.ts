import { sep } from "node:path";
import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { convertFile } from "./convert/convert.ts";
import type { Conversion } from "./convert/worker.ts";
import { type CsvRecord, readCsv } from "./csv.ts";
import type { Format } from "./detect.ts";
import { type InputDocument, inputError, parseAt, toInputDocument } from "./document.ts";
import { htmlToText } from "./html.ts";
import { splitLines } from "./lines.ts";

/** A file or standard input as text in pieces. It can be read several times. */
export interface TextSource {
  /** The path that the user gave; `-` for standard input. */
  readonly file: string;
  /** Where its bytes are. */
  readonly path: string;
  readonly format: Format;
  readonly pieces: () => AsyncIterable<string>;
  /** For a CSV file: the types of its columns, after the first read. */
  readonly columns: Map<string, ColumnType>;
}

/** The common type of all values of a column. Text is the most general. */
type ColumnType = "number" | "boolean" | "text";

/** Maximum length of a file that is read into memory as one document, in UTF-16 code units. */
const MAX_DOCUMENT_LENGTH = 256 * 1024 * 1024;

export function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/** Yields the documents of a source. Throws `invalid_input`, naming the place and what to do. */
export async function* readDocuments(
  source: TextSource,
  { id }: { readonly id?: string } = {},
): AsyncGenerator<InputDocument> {
  const { file, format } = source;
  const place = nameOf(file);
  const fileId = file === "-" ? id : file.split(sep).join("/");
  if (format === "jsonl") yield* readLines(source);
  else if (format === "csv") yield* readRows(source, fileId);
  else if (format === "json") yield* readJson(parseAt(await readText(source), place), place);
  else if (format === "pdf" || format === "docx") yield* readConverted({ ...source, format }, fileId);
  else if (format === "html") {
    const { text, title } = htmlToText(await readText(source));
    yield { id: fileId, content: text, format: "markdown", metadata: { format, ...(title ? { title } : {}) }, place };
  } else {
    const content = await readText(source);
    yield { id: fileId, content, ...(format === "markdown" ? { format } : {}), metadata: { format }, place };
  }
}

/** The pages of a PDF, each as a document with its number, or a Word document. */
async function* readConverted(
  { file, path, format }: TextSource & Pick<Conversion, "format">,
  id = "-",
): AsyncGenerator<InputDocument> {
  const converted = await convertFile(nameOf(file), { path, format });
  const place = nameOf(file);
  if ("html" in converted) {
    const { text, title } = htmlToText(converted.html);
    yield { id, content: text, format: "markdown", metadata: { format, ...(title ? { title } : {}) }, place };
    return;
  }
  const { pages, title } = converted;
  if (pages.every((text) => text.trim() === ""))
    throw inputError(
      place,
      `: its ${pages.length} pages have no text, as in a scan. Recognise the text first, for example with ocrmypdf`,
    );
  for (const [index, text] of pages.entries()) {
    const page = index + 1;
    const metadata = { format, source: id, page, pages: pages.length, ...(title ? { title } : {}) };
    if (text.trim() !== "")
      yield { id: `${id}#page=${page}`, content: text, metadata, place: `${place}, page ${page}` };
  }
}

async function readText({ file, pieces }: TextSource): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const piece of pieces()) {
    length += piece.length;
    if (length > MAX_DOCUMENT_LENGTH)
      throw inputError(
        nameOf(file),
        `as one document: it has more than ${MAX_DOCUMENT_LENGTH / 1024 / 1024} million characters. Split it, or convert it to JSON Lines`,
      );
    parts.push(piece);
  }
  return parts.join("");
}

async function* readLines({ file, pieces }: TextSource): AsyncGenerator<InputDocument> {
  let number = 0;
  for await (const line of splitLines(pieces(), (reason) => inputError(nameOf(file), `: ${reason}`))) {
    number++;
    if (line.trim() !== "") yield* readJsonLine(line, `${nameOf(file)}, line ${number}`);
  }
}

function* readJsonLine(line: string, place: string): Generator<InputDocument> {
  const value = parseAt(line, place);
  if (pageDocuments(value)) yield* readJson(value, place);
  else yield toInputDocument(value, place);
}

/** Returns the documents of a page in the format of `cairn documents list --json`; undefined for other values. */
function pageDocuments(value: JsonValue): readonly JsonValue[] | undefined {
  const page = isObject(value) && value.content === undefined ? value.documents : undefined;
  return Array.isArray(page) ? page : undefined;
}

function* readJson(value: JsonValue, place: string): Generator<InputDocument> {
  const list = Array.isArray(value) ? value : pageDocuments(value);
  const listPlace = Array.isArray(value) ? place : `${place}, documents`;
  if (list) {
    for (const [index, item] of list.entries()) {
      const itemPlace = `${listPlace}[${index}]`;
      yield typeof item === "string" ? { content: item, place: itemPlace } : toInputDocument(item, itemPlace);
    }
  } else if (isObject(value) && ["content", "embedding"].some((key) => key in value))
    yield toInputDocument(value, place);
  else
    throw inputError(
      place,
      `: it is neither a list of documents, as in [{"id": "a", "content": "…"}], nor one document. With --format text it is ingested as plain text`,
    );
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The columns that are fields of a document. All other columns are metadata. */
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

async function* readRows(source: TextSource, fileId: string | undefined): AsyncGenerator<InputDocument> {
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
      throw inputError(place, `: it has ${record.fields.length} fields, and the header has ${header.length}`);
    yield toDocument(record, {
      header,
      columns,
      place,
      id: fileId === undefined ? undefined : `${fileId}#${row}`,
    });
  }
}

function readHeader({ fields }: CsvRecord, name: string): readonly string[] {
  const header = fields.map((field) => field.replace(/^\ufeff/, "").trim());
  const duplicate = header.find((column, index) => header.indexOf(column) !== index);
  if (header.includes("") || duplicate !== undefined)
    throw inputError(
      `${name}, line 1`,
      duplicate
        ? `: its header has the column ${JSON.stringify(duplicate)} twice`
        : ": a column of its header has no name",
    );
  const documentFields = header.flatMap((column) => FIELDS[column.toLowerCase()] ?? []);
  const field = documentFields.find((candidate, index) => documentFields.indexOf(candidate) !== index);
  if (field) throw inputError(`${name}, line 1`, `: two of its columns are the ${field} of a document. Rename one`);
  return header;
}

interface RowOptions {
  readonly header: readonly string[];
  readonly columns: Map<string, ColumnType>;
  readonly place: string;
  /** The id of a row that has none. */
  readonly id: string | undefined;
}

/** Converts a row to a document. Without a column for the text, the text is the row: a line `column: value` for each value. */
function toDocument({ fields }: CsvRecord, { header, columns, place, id }: RowOptions): InputDocument {
  const fieldValues = new Map<string, string>();
  const metadata: [string, JsonValue][] = [];
  for (const [index, column] of header.entries()) {
    const value = fields[index] ?? "";
    const field = FIELDS[column.toLowerCase()];
    if (field) fieldValues.set(field, value);
    else if (value !== "") metadata.push([column, readValue(column, { value, columns })]);
  }
  const embedding = fieldValues.get("embedding");
  const metadataJson = fieldValues.get("metadata");
  const text = fieldValues.get("content") ?? metadata.map(([column, value]) => `${column}: ${value}`).join("\n");
  const value = {
    id: fieldValues.get("id") || id,
    content: text === "" ? null : text,
    metadata: {
      ...(metadataJson ? (parseAt(metadataJson, `${place}, metadata`) as JsonObject) : {}),
      ...Object.fromEntries(metadata),
    },
    uri: fieldValues.get("uri") || undefined,
    embedding: embedding ? parseAt(embedding, `${place}, embedding`) : undefined,
  };
  return toInputDocument(value as never, place);
}

/** Converts a metadata value to a number or a boolean if all values of its column are. A column of postcodes stays text. */
function readValue(
  column: string,
  { value, columns }: { readonly value: string; readonly columns: Map<string, ColumnType> },
): JsonValue {
  const type = typeOf(value);
  const columnType = (columns.get(column) ?? type) === type ? type : "text";
  columns.set(column, columnType);
  if (columnType === "number") return Number(value);
  return columnType === "boolean" ? value.toLowerCase() === "true" : value;
}

function typeOf(value: string): ColumnType {
  if (/^(?:true|false)$/i.test(value)) return "boolean";
  // A number must be equal to its own formatting. A postcode 01234, a version 1.10 or too many digits for a double stay text.
  return /^-?\d{1,16}(?:\.\d{1,16})?$/.test(value) && String(Number(value)) === value ? "number" : "text";
}
