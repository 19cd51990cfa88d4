import { decodeJson, parseExactJson, stringifyJson } from "@cairn/core/database/json.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import type { RecordField, RecordRow } from "@cairn/core/record/read.ts";
import { queryMany } from "@cairn/core/search/query.ts";
import { cachedTarget } from "@cairn/core/search/read-target.ts";
import { assertIndexed } from "../record/assert-indexed.ts";
import { documentJson, embeddingJson, idJson } from "../record/get.ts";
import { metadataJson } from "../record/metadata-json.ts";
import { type RecordPage, readPage } from "../record/page.ts";
import type { QueryContext } from "../record/query-types.ts";
import { asNotFound, servingId } from "../record/target.ts";
import { wrongDimensions } from "../record/vectors.ts";
import { compileConditions, translateFilterError } from "../request/where.ts";
import { chromaDistance, float32Text } from "../response/number.ts";
import { type Knn, knnsOf, scoreRank } from "./rank.ts";
import type { Search } from "./request.ts";

/** Records of a search, with their scores by id. */
interface Found {
  readonly page: RecordPage;
  readonly scores: ReadonlyMap<string, number> | undefined;
}

/** The response of `search`, as pieces of JSON. */
export async function runSearches(context: QueryContext, searches: readonly Search[]): Promise<readonly string[]> {
  const found: Found[] = [];
  for (const search of searches) found.push(await runSearch(context, search));
  const list = (
    toJson: (row: RecordRow, found: Found, keys: readonly string[]) => string,
    isSelected: (keys: readonly string[]) => boolean,
  ) =>
    `[${found
      .map((result, index) => {
        const keys = searches[index]?.keys ?? [];
        return isSelected(keys) ? `[${result.page.rows.map((row) => toJson(row, result, keys)).join()}]` : "null";
      })
      .join()}]`;
  return [
    `{"ids":${list(idJson, () => true)}`,
    `,"documents":${list(
      (row, { page }) => documentJson(row, page.texts),
      (keys) => keys.includes("#document"),
    )}`,
    `,"embeddings":${list(
      (row, { page }) => embeddingJson(row, page.collection.dimensions),
      (keys) => keys.includes("#embedding"),
    )}`,
    `,"metadatas":${list(
      (row, _, keys) => selectedMetadata(row, keys),
      (keys) => keys.includes("#metadata") || fieldKeys(keys).length > 0,
    )}`,
    `,"scores":${list(
      (row, { scores }) => scoreJson(scores?.get(idOf(row))),
      (keys) => keys.includes("#score"),
    )}`,
    `,"select":${JSON.stringify(searches.map(({ keys }) => keys))}}`,
  ];
}

function scoreJson(score: number | undefined): string {
  return score === undefined ? "null" : float32Text(score);
}

function fieldKeys(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => !key.startsWith("#"));
}

function selectedMetadata({ metadata }: RecordRow, keys: readonly string[]): string {
  if (keys.includes("#metadata") || metadata === null) return metadataJson(metadata);
  const all = decodeJson(metadata, parseExactJson);
  return stringifyJson(
    Object.fromEntries(fieldKeys(keys).flatMap((key) => (Object.hasOwn(all, key) ? [[key, all[key]]] : []))),
  );
}

async function runSearch(context: QueryContext, search: Search): Promise<Found> {
  const { database, route, maxBytes } = context;
  const { rank, limit, offset } = search;
  const conditions = {
    filter: search.where,
    whereDocument: undefined,
    ids: search.ids,
    allowEmptyLists: true,
  } as const;
  const fields = fieldsOf(search.keys);
  if (!rank)
    return {
      page: await readPage(database, route, {
        fields,
        filter: compileConditions(conditions),
        conditions,
        limit,
        offset,
        maxBytes,
      }),
      scores: undefined,
    };
  const found = new Map<Knn, ReadonlyMap<string, number>>();
  for (const knn of knnsOf(rank)) found.set(knn, await runKnn(context, knn, conditions));
  const scored = [...new Set([...found.values()].flatMap((scores) => [...scores.keys()]))]
    .map((id) => ({ id, score: scoreRank(rank, (knn) => found.get(knn)?.get(id)) }))
    .filter((item): item is { id: string; score: number } => item.score !== undefined && !Number.isNaN(item.score))
    .toSorted((a, b) => a.score - b.score)
    .slice(offset, limit === undefined ? undefined : offset + limit);
  const scores = new Map(scored.map(({ id, score }) => [id, score]));
  const ids = [...scores.keys()];
  const page = await readPage(database, route, { fields, ids, maxBytes });
  const places = new Map(ids.map((id, place) => [id, place]));
  const rows = page.rows.toSorted((a, b) => (places.get(idOf(a)) ?? 0) - (places.get(idOf(b)) ?? 0));
  return { page: { ...page, rows }, scores };
}

function idOf({ id, long_id }: RecordRow): string {
  return restoreId(id, long_id);
}

/** The distances or ranks of the records that a search finds, by their ids. */
async function runKnn(
  { services, database, route, maxBytes, signal }: QueryContext,
  knn: Knn,
  conditions: Parameters<typeof compileConditions>[0],
): Promise<ReadonlyMap<string, number>> {
  const id = await servingId(database, route);
  const { collection } = await asNotFound(route.collectionId, () => cachedTarget(database, route.tenantId, id));
  assertIndexed(collection, conditions);
  if (collection.dimensions === null) return new Map();
  if (collection.dimensions !== knn.vector.length) throw wrongDimensions(collection.dimensions, knn.vector.length);
  const options = { ...conditions, collection: id, topK: knn.limit, maxTopK: 10_000, include: [], maxBytes, signal };
  const [hits = []] = await asNotFound(route.collectionId, () =>
    queryMany(services, route.tenantId, { ...options, queries: [{ embedding: knn.vector }], groupBy: "document" }),
  ).catch((error) => {
    throw translateFilterError(error);
  });
  return new Map(
    hits.map(({ id: hitId, distance }, place) => [
      hitId,
      knn.returnRank ? place : chromaDistance(collection.metric, distance ?? 0),
    ]),
  );
}

function fieldsOf(keys: readonly string[]): readonly RecordField[] {
  return [
    ...(keys.includes("#document") ? (["content"] as const) : []),
    ...(keys.includes("#embedding") ? (["embedding"] as const) : []),
    ...(keys.includes("#metadata") || fieldKeys(keys).length > 0 ? (["metadata"] as const) : []),
  ];
}
