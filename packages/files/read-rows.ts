import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { type CsvRecord, readCsv } from "./csv.ts";
import { type InputDocument, inputError, parseAt, toInputDocument } from "./document.ts";
import { type ColumnType, nameOf, type Source } from "./source.ts";

/** The columns that are fields of a document. All other columns are metadata. */
const FIELDS: ReadonlyMap<string, "id" | "content" | "uri" | "embedding" | "metadata"> = new Map([
  ["id", "id"],
  ["content", "content"],
  ["text", "content"],
  ["document", "content"],
  ["uri", "uri"],
  ["url", "uri"],
  ["embedding", "embedding"],
  ["metadata", "metadata"],
]);

/** Maximum columns, and characters of a column's name, which is a key of the metadata of every row. */
const MAX_COLUMNS = 10_000;
const MAX_NAME_LENGTH = 1_000;

/** Yields a document for each row of a CSV file. */
export async function* readRows(source: Source): AsyncGenerator<InputDocument> {
  const { file, id: fileId, pieces, columns } = source;
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
  if (header.length > MAX_COLUMNS)
    throw inputError(`${name}, line 1`, `: it has ${header.length} columns, more than the limit of ${MAX_COLUMNS}`);
  const long = header.find(({ length }) => length > MAX_NAME_LENGTH);
  if (long !== undefined)
    throw inputError(
      `${name}, line 1`,
      `: the name of a column has ${long.length} characters, more than the limit of ${MAX_NAME_LENGTH}. It begins with ${JSON.stringify(long.slice(0, 40))}`,
    );
  const seen = new Set<string>();
  const duplicate = header.find((column) => seen.size === seen.add(column).size);
  if (header.includes("") || duplicate !== undefined)
    throw inputError(
      `${name}, line 1`,
      duplicate
        ? `: its header has the column ${JSON.stringify(duplicate)} twice`
        : ": a column of its header has no name",
    );
  const documentFields = header.flatMap((column) => FIELDS.get(column.toLowerCase()) ?? []);
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
    const field = FIELDS.get(column.toLowerCase());
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
