import type { JsonObject } from "../database/json.ts";
import { collections, exact } from "../database/schema.ts";
import type { ChunkSettings } from "./chunking.ts";
import type { IndexSettings } from "./index-settings.ts";
import type { Metric } from "./metric.ts";

/** Name of the collection where none is named: a tenant that needs only one never meets the word. */
export const DEFAULT_COLLECTION = "knowledge";

/** A set of documents in one embedding space. */
export interface Collection {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  /** `provider/model`. Null where nobody knows which model made the vectors: it can be queried by vector only. */
  readonly embeddingModel: string | null;
  /** Length of every vector, 1 to 16,000. Null until the first vector is written. */
  readonly dimensions: number | null;
  readonly metric: Metric;
  readonly metadata: JsonObject;
  /** Text search configuration of Postgres that keyword search reads its texts with: `english`, `simple`, … */
  readonly language: string;
  /** What differs from the defaults of `indexPlan`. */
  readonly indexSettings: IndexSettings;
  /** How its texts are split into passages, where that differs from the defaults of `chunkSizes`. */
  readonly chunking: ChunkSettings;
  /** The collection that took its name, with another model; this one is kept for going back and takes no writes. */
  readonly replacedBy: string | null;
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
  language: collections.language,
  indexSettings: collections.indexSettings,
  chunking: collections.chunking,
  replacedBy: collections.replacedBy,
  createdAt: collections.createdAt,
  updatedAt: collections.updatedAt,
};
