import type { Database } from "@cairn/core/database/database.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import type { RecordField, RecordRow } from "@cairn/core/record/read.ts";
import type { Body } from "../request/body.ts";
import { optionalCount, optionalStrings } from "../request/fields.ts";
import { type Include, parseInclude } from "../request/include.ts";
import { compileConditions, conditionsOf } from "../request/where.ts";
import { arrayPieces, encodePieces } from "../response/json.ts";
import { vectorJson } from "../response/number.ts";
import type { CollectionRoute } from "../view/view.ts";
import { metadataJson } from "./metadata-json.ts";
import { type RecordPage, readPage } from "./page.ts";

export interface ReadContext {
  readonly database: Database;
  readonly route: CollectionRoute;
  readonly maxBytes: number;
}

/** The response of `get`, and the number of its records. */
export async function getRecords({ database, route, maxBytes }: ReadContext, body: Body) {
  const ids = optionalStrings(body, "ids");
  const limit = optionalCount(body, "limit");
  const offset = optionalCount(body, "offset");
  const include = parseInclude(body, ["documents", "metadatas"]);
  const conditions = conditionsOf(body, undefined);
  const filter = compileConditions(conditions);
  const read = { fields: fieldsOf(include), filter, conditions: filter && conditions, ids, limit, offset, maxBytes };
  const page = await readPage(database, route, read);
  return { json: await encodePieces(responsePieces(page, include)), count: page.rows.length };
}

const FIELDS: Readonly<Partial<Record<Include, RecordField>>> = {
  documents: "content",
  metadatas: "metadata",
  uris: "uri",
  embeddings: "embedding",
};

export function fieldsOf(include: readonly Include[]): readonly RecordField[] {
  return [...new Set(include.flatMap((name) => FIELDS[name] ?? []))];
}

function* responsePieces(page: RecordPage, include: readonly Include[]): Generator<string> {
  const { rows, texts, collection } = page;
  const column = (name: Include, toJson: (row: RecordRow) => string) =>
    include.includes(name) ? arrayPieces(rows, toJson) : ["null"];
  yield '{"ids":';
  yield* arrayPieces(rows, idJson);
  yield ',"embeddings":';
  yield* column("embeddings", (row) => embeddingJson(row, collection.dimensions));
  yield ',"documents":';
  yield* column("documents", (row) => documentJson(row, texts));
  yield ',"uris":';
  yield* column("uris", (row) => textJson(row.uri));
  yield ',"metadatas":';
  yield* column("metadatas", (row) => metadataJson(row.metadata));
  yield `,"include":${JSON.stringify(include)}}`;
}

export function idJson({ id, long_id }: Pick<RecordRow, "id" | "long_id">): string {
  return JSON.stringify(restoreId(id, long_id));
}

/** A record without a vector shows zeros: clients require numbers. */
export function embeddingJson({ embedding }: Pick<RecordRow, "embedding">, dimensions: number | null): string {
  return embedding === null
    ? `[${Array(dimensions ?? 0)
        .fill("0.0")
        .join()}]`
    : vectorJson(embedding);
}

export function documentJson(row: RecordRow, texts: ReadonlyMap<string, string>): string {
  const text = texts.get(row.id);
  return text === undefined ? textJson(row.content) : JSON.stringify(text);
}

function textJson(stored: string | null): string {
  return stored === null ? "null" : JSON.stringify(decodeText(stored));
}
