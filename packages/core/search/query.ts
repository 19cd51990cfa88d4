import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import { getCollection, requireCollection } from "../collection/get.ts";
import type { Orm } from "../database/database.ts";
import { decodeJson, type JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { decodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { encodeVector, isFiniteVector, isZeroVector } from "../database/vector.ts";
import { restoreId } from "../document/id.ts";
import { inCollection } from "../document/read.ts";
import { AppError } from "../error.ts";
import { compileFilters, type FilterInput } from "../filter/input.ts";
import type { Services } from "../services.ts";
import { distance, orderByDistance, score } from "./metric.ts";

export interface QueryOptions extends FilterInput {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** What to look for, as text: embedded by the collection's model. This or `embedding`. */
  readonly text?: string;
  /** What to look for, as a vector of `collection.dimensions` finite numbers. */
  readonly embedding?: Float32Array;
  /** Hits at most, 1 to 1,000. Default 10. */
  readonly topK?: number;
  /** Leaves out what is farther away, in the metric's own distance. */
  readonly maxDistance?: number;
  readonly signal?: AbortSignal;
}

export interface Hit {
  readonly id: string;
  readonly chunk: number;
  readonly content: string | null;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  /** As Chroma reports it for the metric; lower is better. */
  readonly distance: number;
  /** 0 to 1, higher is better. */
  readonly score: number;
}

/**
 * The nearest passages of one tenant's collection, nearest first: never fewer than exist and match.
 * Throws `not_found`, `invalid_input`, `invalid_filter`, `dimension_mismatch`, `embedder_unavailable`.
 */
export async function query(
  services: Services,
  tenantId: string,
  options: QueryOptions,
): Promise<readonly Hit[]> {
  const { topK = 10 } = options;
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= 1000))
    throw new AppError("invalid_input", `top_k must be a whole number from 1 to 1,000, not ${topK}.`, {
      path: "top_k",
    });
  if ((options.text === undefined) === (options.embedding === undefined))
    throw new AppError("invalid_input", "Give either the text to look for or its embedding.", {
      path: "query",
    });
  const matches = compileFilters(options); // before a text is paid for
  await services.database.vectorTypes();
  const embedding = options.embedding ?? (await embedQuery(services, tenantId, options));
  return asTenant(services.database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, options.collection);
    if (collection.dimensions === null) return [];
    assertVector(collection, embedding);
    return search(orm, collection, embedding, { ...options, topK, matches });
  });
}

async function embedQuery(
  services: Services,
  tenantId: string,
  { text = "", collection: name, signal }: QueryOptions,
): Promise<Float32Array> {
  const collection = await getCollection(services.database, tenantId, name);
  if (text.trim() === "")
    throw new AppError("invalid_input", "The text to look for is empty.", { path: "query" });
  const embedder = collectionEmbedder(services, collection);
  const { dimensions } = collection;
  if (dimensions === null) return new Float32Array();
  const [vector] = await embedder.embed([text], { dimensions, signal });
  return vector as Float32Array;
}

/** Exact: compares with every row of the collection that the filter lets through. */
async function search(
  orm: Orm,
  collection: Collection,
  embedding: Float32Array,
  options: QueryOptions & { readonly topK: number; readonly matches: SQL },
): Promise<readonly Hit[]> {
  const { metric } = collection;
  // A bare parameter would be cast anew for every row under a generic plan; a scalar subselect is evaluated once.
  const vector = sql`(SELECT ${encodeVector(embedding)}::vector)`;
  const rows = await selectRows<HitRow>(
    orm,
    sql`SELECT id, long_id, chunk, content, metadata::text AS metadata, uri, ${orderByDistance(metric, vector)} AS "order"
        FROM cairn.documents
        WHERE ${inCollection(collection)} AND embedding IS NOT NULL AND ${options.matches}
        ORDER BY ${orderByDistance(metric, vector)}, id, chunk
        LIMIT ${options.topK}::int`,
  );
  const hits = rows.map((row) => toHit(metric, row));
  const { maxDistance } = options;
  return maxDistance === undefined ? hits : hits.filter((hit) => hit.distance <= maxDistance);
}

interface HitRow {
  readonly id: string;
  readonly long_id: string | null;
  readonly chunk: number;
  readonly content: string | null;
  readonly metadata: string;
  readonly uri: string | null;
  readonly order: number;
}

function toHit(metric: Collection["metric"], row: HitRow): Hit {
  const away = distance(metric, row.order);
  return {
    id: restoreId(row.id, row.long_id),
    chunk: row.chunk,
    content: row.content === null ? null : decodeText(row.content),
    metadata: decodeJson(row.metadata),
    uri: row.uri === null ? null : decodeText(row.uri),
    distance: away,
    score: score(metric, away),
  };
}

function assertVector(collection: Collection, vector: Float32Array): void {
  if (vector.length !== collection.dimensions)
    throw new AppError(
      "dimension_mismatch",
      `Collection ${JSON.stringify(collection.name)} holds vectors of ${collection.dimensions} dimensions; the query's has ${vector.length}.`,
      { path: "query_embedding" },
    );
  if (!isFiniteVector(vector))
    throw new AppError("invalid_input", "The query's vector has an element that is not a finite number.", {
      path: "query_embedding",
    });
  if (collection.metric === "cosine" && isZeroVector(vector))
    throw new AppError(
      "invalid_input",
      "The query's vector is all zeros, which has no direction to compare.",
      { path: "query_embedding" },
    );
}
