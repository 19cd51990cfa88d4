import { decodeJson, parseExactJson } from "@cairn/core/database/json.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import type { RecordRow } from "@cairn/core/record/read.ts";
import { sql } from "drizzle-orm";
import { compileConditions } from "../request/where.ts";
import { fieldsOf } from "./get.ts";
import { readPage } from "./page.ts";
import type { QueryContext, QueryHit, QuerySearch } from "./query-types.ts";

/** Under cosine, a zero vector is at this distance of every vector, as in Chroma. */
const ZERO_DISTANCE = 1;

/**
 * The hits of each query together with the records whose vector is zero. Undefined: the query vector itself is zero, so every
 * record is at the same distance, and the first ones are the hits.
 */
export async function withZeroVectors(
  { database, route, maxBytes }: QueryContext,
  { limit, include, conditions }: QuerySearch,
  results: readonly (readonly QueryHit[] | undefined)[],
): Promise<readonly (readonly QueryHit[])[]> {
  const fields = fieldsOf(include.filter((name) => name !== "embeddings"));
  const compiled = compileConditions(conditions);
  const hasNone = compiled ? sql`(embedding IS NULL AND ${compiled.matches})` : sql`embedding IS NULL`;
  const zeros = { matches: hasNone, indexed: undefined, readsText: compiled?.readsText ?? false };
  const read = (filter: typeof compiled) => readPage(database, route, { fields, filter, limit, maxBytes });
  const needsZeros = results.some(
    (hits) => hits && (hits.length < limit || (hits.at(-1)?.distance ?? 0) > ZERO_DISTANCE),
  );
  const zeroHits = needsZeros ? (await read(zeros)).rows.map(toHit) : [];
  const firstHits = results.includes(undefined) ? (await read(compiled)).rows.map(toHit) : [];
  return results.map((hits) =>
    hits ? [...hits, ...zeroHits].toSorted((a, b) => a.distance - b.distance).slice(0, limit) : firstHits,
  );
}

function toHit(row: RecordRow): QueryHit {
  return {
    id: restoreId(row.id, row.long_id),
    chunk: 0,
    content: row.content === null ? null : decodeText(row.content),
    metadata: row.metadata === null ? {} : decodeJson(row.metadata, parseExactJson),
    uri: row.uri === null ? null : decodeText(row.uri),
    distance: ZERO_DISTANCE,
  };
}
