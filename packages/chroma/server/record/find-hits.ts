import type { Collection } from "@cairn/core/collection/collection.ts";
import { isZeroVector } from "@cairn/core/database/vector.ts";
import { AppError } from "@cairn/core/error.ts";
import type { HitField } from "@cairn/core/search/output.ts";
import { queryMany } from "@cairn/core/search/query.ts";
import { cachedTarget } from "@cairn/core/search/read-target.ts";
import { chromaAttributes } from "../collection/stored.ts";
import type { Include } from "../request/include.ts";
import { translateFilterError } from "../request/where.ts";
import { chromaDistance } from "../response/number.ts";
import { assertIndexed } from "./assert-indexed.ts";
import type { QueryContext, QueryHit, QuerySearch } from "./query-types.ts";
import { asNotFound } from "./target.ts";
import { wrongDimensions } from "./vectors.ts";
import { withZeroVectors } from "./zero-vectors.ts";

/** Maximum hits of a query. Beyond 1,000 of them every record is compared. */
export const MAX_RESULTS = 100_000;

/** Queries in one search. */
const MAX_QUERIES = 100;

/** The hits of each query, and the collection as it is now. */
export async function findHits(
  context: QueryContext,
  search: QuerySearch,
): Promise<{ readonly results: readonly (readonly QueryHit[])[]; readonly collection: Collection }> {
  const { limit, vectors, conditions } = search;
  const cached = await readCached(context, search);
  assertDimensions(cached, vectors);
  assertIndexed(cached, conditions);
  if (limit === 0 || vectors.length === 0) return { results: vectors.map(() => []), collection: cached };
  const isCosine = cached.metric === "cosine";
  const compared = isCosine ? vectors.filter((vector) => !isZeroVector(vector)) : vectors;
  const found = [...(await searchAll(context, cached, { ...search, vectors: compared }))];
  // The search has checked whether the cached collection is up to date, and has read it again if it was not.
  const collection = await readCached(context, search);
  const hasZeros = isCosine && chromaAttributes(collection.attributes).zeroVectors === true;
  if (compared.length === vectors.length && !hasZeros) return { results: found, collection };
  const results = await withZeroVectors(
    context,
    search,
    vectors.map((vector) => (isZeroVector(vector) ? undefined : found.shift())),
  );
  return { results, collection };
}

async function readCached({ database, route }: QueryContext, { id }: QuerySearch): Promise<Collection> {
  return (await asNotFound(route.collectionId, () => cachedTarget(database, route.tenantId, id))).collection;
}

function assertDimensions({ dimensions }: Collection, vectors: readonly Float32Array[]): void {
  if (dimensions === null) return;
  for (const { length } of vectors) if (length !== dimensions) throw wrongDimensions(dimensions, length);
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
  context: QueryContext,
  collection: Collection,
  search: QuerySearch,
): Promise<readonly (readonly QueryHit[])[]> {
  const { services, route, maxBytes, signal } = context;
  const { id, limit, include, conditions, vectors, exact } = search;
  const options = {
    ...conditions,
    collection: id,
    topK: limit,
    maxTopK: MAX_RESULTS,
    include: include.flatMap((name) => HIT_FIELDS[name] ?? []),
    exactNumbers: true,
    maxBytes,
    signal,
    exact,
    queries: vectors.map((embedding) => ({ embedding })),
  };
  const run = (groupBy: "passage" | "document") =>
    asNotFound(route.collectionId, () => queryMany(services, route.tenantId, { ...options, groupBy })).catch(
      async (error) => {
        const isOutdated = error instanceof AppError && error.code === "dimension_mismatch";
        if (isOutdated) assertDimensions(await readCached(context, search), vectors);
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
