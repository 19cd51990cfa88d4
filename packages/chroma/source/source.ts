import type { JsonObject } from "@cairn/core/database/json.ts";
import type { Metric } from "@cairn/core/index/metric.ts";

/** A collection as Chroma describes it. */
export interface SourceCollection {
  readonly id: string;
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
  /** Null until the first record is added. */
  readonly dimensions: number | null;
  readonly metric: Metric;
  /** `provider/model` if Chroma knows the collection's embedding function; otherwise null. */
  readonly model: string | null;
  /** Chroma's name of the model, shortened, if it is not a valid model name in Cairn, for example a path with a space. */
  readonly unusableModel?: string | null;
  readonly metadata: JsonObject;
  /** What Chroma's clients see of the collection besides: its configuration and schema. Undefined: the server has none. */
  readonly attributes?: JsonObject;
}

/** A record as Chroma returns it. */
export interface SourceRecord {
  readonly id: string;
  readonly document: string | null;
  readonly uri: string | null;
  readonly metadata: JsonObject | null;
  /** An element is NaN if the server has no finite number for it. Null if the server has no vector. */
  readonly embedding: Float32Array | null;
  /** The part that the server could not return; undefined if the record is complete. */
  readonly unreadable?: "embedding" | "all" | "too_large";
}

/** Maximum bytes of a response with several records. Several pages are in memory, decoded, together with their stored rows. */
export const MAX_PAGE_BYTES = 12_000_000;

/** The response exceeds `MAX_PAGE_BYTES`: request fewer records, or a single one with `allowLarge`. */
export class PageTooLarge extends Error {}

export interface RecordOptions {
  /** Default true. */
  readonly embeddings?: boolean;
  /**
   * For a single record: allows a response of up to `MAX_RESPONSE_BYTES`. A larger record is marked `too_large`.
   * Default false.
   */
  readonly allowLarge?: boolean;
}

/** A Chroma server that a migration reads. It never writes to the server. */
export interface Source {
  /** The server's address without credentials. It identifies the source in the ledger. */
  readonly url: string;
  listCollections(scope: SourceScope): Promise<readonly SourceCollection[]>;
  /** Names of the databases of one of Chroma's tenants. Empty if the tenant does not exist. */
  listDatabases(tenant: string): Promise<readonly string[]>;
  /** The current number of records. Throws `not_found` if the collection was deleted. */
  count(collection: SourceCollection): Promise<number>;
  /** Ids in the server's order from `offset` on. Fewer than `limit` only at the end. */
  listIds(
    collection: SourceCollection,
    page: { readonly offset: number; readonly limit: number },
  ): Promise<readonly string[]>;
  /**
   * The existing records among these ids, by id. A record for which the server fails is fetched alone and marked. Throws
   * `PageTooLarge` if the response is larger than `MAX_PAGE_BYTES`.
   */
  getRecords(
    collection: SourceCollection,
    ids: readonly string[],
    options?: RecordOptions,
  ): Promise<ReadonlyMap<string, SourceRecord>>;
  /** The ids among these that exist. */
  filterExisting(collection: SourceCollection, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Chroma's own search results, nearest first, with its distances. */
  query(collection: SourceCollection, embedding: Float32Array, topK: number): Promise<readonly SourceHit[]>;
  /** Like `query`, with vectors. Empty if the server cannot search the collection. */
  queryWithVectors(collection: SourceCollection, embedding: Float32Array, topK: number): Promise<readonly VectorHit[]>;
}

/** A hit of Chroma's search. */
export interface SourceHit {
  readonly id: string;
  /** NaN if the server has no finite number. */
  readonly distance: number;
}

/** A hit with its vector. */
export interface VectorHit extends SourceHit {
  readonly embedding: Float32Array | null;
}

/** The part of a Chroma server that is migrated. */
export interface SourceScope {
  /** Chroma's tenants. Default: the tenant of the login, because Chroma cannot list tenants. */
  readonly tenants?: readonly string[];
  /** Databases of those tenants. Default: all. */
  readonly databases?: readonly string[];
}
