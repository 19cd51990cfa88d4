import type { Collection } from "@cairn/core/collection/collection.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { isZeroVector } from "@cairn/core/database/vector.ts";
import { keysOf } from "@cairn/core/document/id.ts";
import type { RecordRow } from "@cairn/core/record/read.ts";
import type { HitField } from "@cairn/core/search/output.ts";
import { queryMany } from "@cairn/core/search/query.ts";
import { cachedTarget } from "@cairn/core/search/read-target.ts";
import { chromaAttributes } from "../collection/stored.ts";
import { ChromaError, invalidArgument } from "../error.ts";
import type { Body } from "../request/body.ts";
import { optionalCount, optionalStrings } from "../request/fields.ts";
import { type Include, parseInclude } from "../request/include.ts";
import { conditionsOf, translateFilterError } from "../request/where.ts";
import { arrayPieces, encodePieces } from "../response/json.ts";
import { chromaDistance, float32Text } from "../response/number.ts";
import { assertIndexed } from "./assert-indexed.ts";
import { queryEmbeddings } from "./embeddings.ts";
import { embeddingJson } from "./get.ts";
import { readPage } from "./page.ts";
import type { QueryContext, QueryHit, QuerySearch } from "./query-types.ts";
import { asNotFound, servingId } from "./target.ts";
import { wrongDimensions } from "./vectors.ts";
import { withZeroVectors } from "./zero-vectors.ts";

/** Maximum hits of a query. Beyond 1,000 of them every record is compared. */
const MAX_RESULTS = 100_000;

/** Queries in one search. */
const MAX_QUERIES = 100;

/** The response of `query`, and the number of its hits. */
export async function queryRecords(context: QueryContext, body: Body) {
  const vectors = await queryEmbeddings(body);
  const ids = optionalStrings(body, "ids");
  const limit = optionalCount(body, "n_results") ?? 10;
  const include = parseInclude(body, ["documents", "metadatas", "distances"]);
  if (limit > MAX_RESULTS)
    throw invalidArgument(
      `n_results is ${limit}, and a query returns at most ${MAX_RESULTS} results. Lower n_results.`,
    );
  const { database, route } = context;
  const id = await servingId(database, route);
  const { collection } = await asNotFound(route.collectionId, () => cachedTarget(database, route.tenantId, id));
  const { dimensions } = collection;
  for (const { length } of dimensions === null ? [] : vectors)
    if (dimensions !== null && length !== dimensions) throw wrongDimensions(dimensions, length);
  if (ids) await assertKnown(context, ids);
  const conditions = conditionsOf(body, ids);
  assertIndexed(collection, conditions);
  const search = { id, limit, include, conditions };
  const results = await findHits(context, collection, { ...search, vectors });
  const embeddings = include.includes("embeddings") ? await readEmbeddings(context, results) : undefined;
  const json = await encodePieces(responsePieces(results, { include, embeddings, collection }));
  return { json, count: results.reduce((sum, hits) => sum + hits.length, 0) };
}

async function findHits(
  context: QueryContext,
  collection: Collection,
  search: QuerySearch,
): Promise<readonly (readonly QueryHit[])[]> {
  const { limit, vectors } = search;
  if (limit === 0 || vectors.length === 0) return vectors.map(() => []);
  const isCosine = collection.metric === "cosine";
  const compared = isCosine ? vectors.filter((vector) => !isZeroVector(vector)) : vectors;
  const found = [...(await searchAll(context, collection, { ...search, vectors: compared }))];
  if (compared.length === vectors.length && !(isCosine && chromaAttributes(collection.attributes).zeroVectors))
    return found;
  return withZeroVectors(
    context,
    search,
    vectors.map((vector) => (isZeroVector(vector) ? undefined : found.shift())),
  );
}

async function searchAll(context: QueryContext, collection: Collection, search: QuerySearch) {
  const results: (readonly QueryHit[])[] = [];
  for (let start = 0; start < search.vectors.length; start += MAX_QUERIES)
    results.push(
      ...(await searchVectors(context, collection, {
        ...search,
        vectors: search.vectors.slice(start, start + MAX_QUERIES),
      })),
    );
  return results;
}

const HIT_FIELDS: Readonly<Partial<Record<Include, HitField>>> = {
  documents: "content",
  metadatas: "metadata",
  uris: "uri",
};

async function searchVectors(
  { services, route, maxBytes, signal }: QueryContext,
  collection: Collection,
  { id, limit, include, conditions, vectors }: QuerySearch,
): Promise<readonly (readonly QueryHit[])[]> {
  const options = {
    ...conditions,
    collection: id,
    topK: limit,
    maxTopK: MAX_RESULTS,
    include: include.flatMap((name) => HIT_FIELDS[name] ?? []),
    exactNumbers: true,
    maxBytes,
    signal,
    queries: vectors.map((embedding) => ({ embedding })),
  };
  const run = (groupBy: "passage" | "document") =>
    asNotFound(route.collectionId, () => queryMany(services, route.tenantId, { ...options, groupBy })).catch(
      (error) => {
        throw translateFilterError(error);
      },
    );
  let found = await run("passage");
  // Several passages of one document are one record. If no hit is a later passage, no document is among the hits twice.
  if (found.some((hits) => hits.some(({ chunk }) => chunk > 0))) found = await run("document");
  return found.map((hits) =>
    hits.map((hit) => ({ ...hit, distance: chromaDistance(collection.metric, hit.distance ?? 0) })),
  );
}

/** Throws Chroma's error if an id of a query does not exist. */
async function assertKnown({ database, route, maxBytes }: QueryContext, ids: readonly string[]): Promise<void> {
  const { rows } = await readPage(database, route, { fields: [], ids, maxBytes });
  if (rows.length < new Set(ids).size)
    throw new ChromaError(500, "InternalError", "Error executing plan: Internal error: Error finding id");
}

/** The vectors of the hits, by the stored key. */
async function readEmbeddings(
  { database, route, maxBytes }: QueryContext,
  results: readonly (readonly QueryHit[])[],
): Promise<ReadonlyMap<string, Pick<RecordRow, "embedding">>> {
  const ids = [...new Set(results.flatMap((hits) => hits.map(({ id }) => id)))];
  const { rows } = await readPage(database, route, { fields: ["embedding"], ids, maxBytes });
  return new Map(rows.map((row) => [row.id, row]));
}

interface ResponseOptions {
  readonly include: readonly Include[];
  readonly embeddings: ReadonlyMap<string, Pick<RecordRow, "embedding">> | undefined;
  readonly collection: Collection;
}

function* responsePieces(
  results: readonly (readonly QueryHit[])[],
  { include, embeddings, collection }: ResponseOptions,
): Generator<string> {
  const lists = (toJson: (hit: QueryHit) => string) => arrayPieces(results, (hits) => `[${hits.map(toJson).join()}]`);
  const column = (name: Include, toJson: (hit: QueryHit) => string) =>
    include.includes(name) ? lists(toJson) : ["null"];
  yield '{"ids":';
  yield* lists(({ id }) => JSON.stringify(id));
  yield ',"embeddings":';
  yield* column("embeddings", ({ id }) => {
    const row = embeddings?.get(keysOf([id])[0] as string) ?? { embedding: null };
    return embeddingJson(row, collection.dimensions);
  });
  yield ',"documents":';
  yield* column("documents", ({ content }) => JSON.stringify(content));
  yield ',"uris":';
  yield* column("uris", ({ uri }) => JSON.stringify(uri));
  yield ',"metadatas":';
  yield* column("metadatas", ({ metadata }) => (Object.keys(metadata).length > 0 ? stringifyJson(metadata) : "null"));
  yield ',"distances":';
  yield* column("distances", ({ distance }) => float32Text(distance));
  yield `,"include":${JSON.stringify(include)}}`;
}
