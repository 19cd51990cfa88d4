import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import { type JsonValue, parseLargeJson } from "@cairn/core/database/json.ts";
import { nextTurn } from "@cairn/core/turn.ts";
import { compareVectors } from "../../../copy/compare.ts";
import type { Answer } from "../read.ts";
import type { RecordFieldName } from "./outcome.ts";

/** A record of a response. A field that the response does not include is undefined. */
export interface ComparedRow {
  readonly id: string;
  readonly document?: string | null;
  /** Canonical JSON: 1 and 1.0 differ, and so do large integers. */
  readonly metadata?: string;
  readonly uri?: string | null;
  readonly embedding?: Float32Array | null;
  readonly distance?: number;
}

type Column = readonly unknown[] | null | undefined;
type Columns = Readonly<Record<"ids" | "documents" | "metadatas" | "uris" | "embeddings" | "distances", Column>>;

/** The records of a response to `get`. Throws a TypeError if it is none. */
export async function readRecords(answer: Answer): Promise<readonly ComparedRow[]> {
  return toRows(await readColumns(answer), { elements: 0 });
}

/** The hits of each query vector of a response to `query`. Throws a TypeError if it is none. */
export async function readHits(answer: Answer): Promise<readonly (readonly ComparedRow[])[]> {
  const columns = await readColumns(answer);
  const names = Object.keys(columns) as (keyof Columns)[];
  const slice = { elements: 0 };
  const queries: (readonly ComparedRow[])[] = [];
  for (const query of (columns.ids ?? []).keys()) {
    const own = Object.fromEntries(names.map((name) => [name, columns[name]?.[query]])) as unknown as Columns;
    queries.push(await toRows(own, slice));
  }
  return queries;
}

/** The JSON of a response, with exact numbers in metadata. In time slices, because it may have megabytes. */
async function readColumns({ body }: Answer): Promise<Columns> {
  const text = new TextDecoder().decode(body);
  const parsed = (await parseLargeJson(text, { exactKeys: ["metadatas"] })) as unknown as Columns | null;
  if (!Array.isArray(parsed?.ids)) throw new TypeError("The response has no ids.");
  return parsed;
}

/** Work of one time slice: elements of vectors, of which a record without a vector counts as many as this. */
const SLICE_ELEMENTS = 65_536;
const RECORD_ELEMENTS = 100;

/** The records of columns, in time slices. `slice`: the work since the last pause. */
async function toRows(columns: Columns, slice: { elements: number }): Promise<readonly ComparedRow[]> {
  const rows: ComparedRow[] = [];
  for (const at of (columns.ids ?? []).keys()) {
    const row = toRow(columns, at);
    rows.push(row);
    slice.elements += RECORD_ELEMENTS + (row.embedding?.length ?? 0);
    if (slice.elements < SLICE_ELEMENTS) continue;
    slice.elements = 0;
    await nextTurn();
  }
  return rows;
}

function toRow({ ids, documents, metadatas, uris, embeddings, distances }: Columns, at: number): ComparedRow {
  return {
    id: String(ids?.[at]),
    ...(documents && { document: (documents[at] ?? null) as string | null }),
    ...(metadatas && { metadata: metadataText(metadatas[at]) }),
    ...(uris && { uri: (uris[at] ?? null) as string | null }),
    ...(embeddings && { embedding: toVector(embeddings[at]) }),
    ...(distances && { distance: Number(distances[at]) }),
  };
}

/** No metadata is null or, from a Chroma server that once stored a list for the record, an empty object. */
function metadataText(metadata: unknown): string {
  const text = canonicalJson((metadata ?? null) as JsonValue);
  return text === "{}" ? "null" : text;
}

function toVector(elements: unknown): Float32Array | null {
  return Array.isArray(elements) ? Float32Array.from(elements, Number) : null;
}

/** The fields in which two records differ. `vectorTolerance`: largest difference of an element. */
export function differingFields(
  chroma: ComparedRow,
  cairn: ComparedRow,
  { vectorTolerance }: { readonly vectorTolerance: number },
): readonly RecordFieldName[] {
  const fields: RecordFieldName[] = [];
  if (chroma.document !== cairn.document) fields.push("document");
  if (chroma.metadata !== cairn.metadata) fields.push("metadata");
  if (chroma.uri !== cairn.uri) fields.push("uri");
  const { largest } = compareVectors(chroma.embedding ?? null, cairn.embedding ?? null);
  if (!(largest <= vectorTolerance)) fields.push("embedding");
  return fields;
}
