import { type SQL, sql } from "drizzle-orm";
import type { ChunkSettings, IndexSettings } from "../database/collection-settings.ts";
import type { JsonObject } from "../database/json.ts";
import { collections, exact } from "../database/schema.ts";
import { uuidLiteral } from "../database/transaction.ts";
import type { Metric } from "../index/metric.ts";

/** The collection that is used if none is named, so that a tenant with one collection need not name it. */
export const DEFAULT_COLLECTION = "knowledge";

/** A set of documents in one embedding space. */
export interface Collection {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  /** `provider/model`. Null if the model of the vectors is unknown: then only queries by vector are possible. */
  readonly embeddingModel: string | null;
  /** Length of every vector, 1 to 16,000. Null until the first vector is written. */
  readonly dimensions: number | null;
  readonly metric: Metric;
  readonly metadata: JsonObject;
  /** What another protocol knows of the collection, by the name of the protocol. */
  readonly attributes: JsonObject;
  /** Postgres text search configuration for keyword search: `english`, `simple`, … */
  readonly language: string;
  /** Differences from the defaults of `indexPlan`. */
  readonly indexSettings: IndexSettings;
  /** Differences from the defaults of `chunkSizes`. */
  readonly chunking: ChunkSettings;
  /** The collection with another model that took its name. This one is kept for `restoreModel` and takes no writes. */
  readonly replacedBy: string | null;
  /** Id of the first collection that had this name before changes of the model. The own id if the model never changed. */
  readonly lineage: string;
  /** Its role towards a copy in another system: `source` or `replica`. Null: there is none. */
  readonly replication: "source" | "replica" | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const collectionColumns = {
  tenantId: collections.tenantId,
  id: collections.id,
  name: collections.name,
  embeddingModel: collections.embeddingModel,
  dimensions: collections.dimensions,
  metric: collections.metric,
  metadata: exact(collections.metadata),
  attributes: exact(collections.attributes),
  language: collections.language,
  indexSettings: collections.indexSettings,
  chunking: collections.chunking,
  replacedBy: collections.replacedBy,
  lineage: sql<string>`coalesce(${collections.lineage}, ${collections.id})`,
  replication: collections.replication,
  createdAt: collections.createdAt,
  updatedAt: collections.updatedAt,
};

export type CollectionKey = Pick<Collection, "tenantId" | "id">;

/**
 * The first predicate of every statement on documents: tenant and collection as literals, for partition pruning.
 * `prefix`: table alias of the columns, such as sql`d.`.
 */
export function inCollection({ tenantId, id }: CollectionKey, prefix: SQL = sql``): SQL {
  return sql`${prefix}tenant_id = ${uuidLiteral(tenantId)} AND ${prefix}collection_id = ${uuidLiteral(id)}`;
}

/** The predicate of a collection's own row in `cairn.collections`. */
export function isCollection({ tenantId, id }: CollectionKey, prefix: SQL = sql``): SQL {
  return sql`${prefix}tenant_id = ${uuidLiteral(tenantId)} AND ${prefix}id = ${uuidLiteral(id)}`;
}
