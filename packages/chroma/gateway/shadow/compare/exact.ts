import type { Metric } from "@cairn/core/index/metric.ts";
import { cachedTarget } from "@cairn/core/search/read-target.ts";
import type { Services } from "@cairn/core/services.ts";
import { findHits } from "../../../server/record/find-hits.ts";
import { servingId } from "../../../server/record/target.ts";
import type { Body } from "../../../server/request/body.ts";
import { optionalStrings } from "../../../server/request/fields.ts";
import { conditionsOf } from "../../../server/request/where.ts";
import type { ComparedRow } from "./rows.ts";

/** A collection of Cairn whose answers are compared. */
export interface ComparedCollection {
  readonly services: Services;
  readonly tenantId: string;
  /** Its lineage. */
  readonly collectionId: string;
  readonly signal: AbortSignal;
}

/** Bytes of a response, which has only ids and distances. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The metric of a collection. Usually from a cache. Throws a 404. */
export async function metricOf({ services, tenantId, collectionId }: ComparedCollection): Promise<Metric> {
  const { database } = services;
  const id = await servingId(database, { name: "", tenantId, collectionId });
  return (await cachedTarget(database, tenantId, id)).collection.metric;
}

export interface ExactSearch {
  /** The parsed request, whose conditions apply. */
  readonly body: Body;
  readonly vector: Float32Array;
  readonly limit: number;
  /** Only these records. Default: those of the request. */
  readonly ids?: readonly string[];
}

/** The records of Cairn that are truly nearest to a vector, nearest first: every matching record is compared. */
export async function findExactHits(
  { services, tenantId, collectionId, signal }: ComparedCollection,
  { body, vector, limit, ids = optionalStrings(body, "ids") }: ExactSearch,
): Promise<readonly ComparedRow[]> {
  const { database } = services;
  const route = { name: "", tenantId, collectionId };
  const context = { services, database, route, maxBytes: MAX_BYTES, signal };
  const { results } = await findHits(context, {
    id: await servingId(database, route),
    limit,
    include: [],
    conditions: conditionsOf(body, ids),
    vectors: [vector],
    exact: true,
  });
  return (results[0] ?? []).map(({ id, distance }) => ({ id, distance }));
}

/**
 * The hits with the distances that they have in Cairn. A record that Cairn does not have, or that does not match, has
 * none.
 */
export async function withExactDistances(
  collection: ComparedCollection,
  rows: readonly ComparedRow[],
  { body, vector }: Pick<ExactSearch, "body" | "vector">,
): Promise<readonly ComparedRow[]> {
  if (rows.length === 0) return rows;
  const ids = rows.map(({ id }) => id);
  const found = await findExactHits(collection, { body, vector, limit: ids.length, ids });
  const distances = new Map(found.map(({ id, distance }) => [id, distance]));
  return rows.map((row) => ({ ...row, distance: distances.get(row.id) }));
}
