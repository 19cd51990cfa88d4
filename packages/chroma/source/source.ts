import type { Metric } from "@cairn/core/collection/metric.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";

/** A collection as Chroma describes it. */
export interface SourceCollection {
  readonly id: string;
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
  /** Null until something was added. */
  readonly dimensions: number | null;
  readonly metric: Metric;
  /** `provider/model` where Chroma knows which embedding function the collection has. */
  readonly model: string | null;
  /** What Chroma calls the model, shortened, where that cannot be a model's name in Cairn: a path with a space. */
  readonly unusableModel?: string | null;
  readonly metadata: JsonObject;
}

/** A record as Chroma gives it back. */
export interface SourceRecord {
  readonly id: string;
  readonly document: string | null;
  readonly uri: string | null;
  readonly metadata: JsonObject | null;
  /** NaN stands where the server had no finite number. Null where it has no vector. */
  readonly embedding: Float32Array | null;
  /** Set where the server could not give the record whole: what of it is missing. */
  readonly unreadable?: "embedding" | "all" | "too_large";
}

/** Bytes of an answer with records that are read at once: several are held, decoded, beside what Postgres has of them. */
export const MAX_PAGE_BYTES = 12_000_000;

/** Records whose answer is larger than is read at once: ask for fewer of them, or for the single one alone. */
export class PageTooLarge extends Error {}

export interface RecordOptions {
  /** Default true. */
  readonly embeddings?: boolean;
  /** A single record whose answer may be as large as any is read; one that is larger still is marked. Default false. */
  readonly alone?: boolean;
}

/** What a migration reads: a Chroma server, without ever writing to it or making anything in it. */
export interface Source {
  /** The server's address without credentials: names the source in the ledger. */
  readonly url: string;
  listCollections(scope: SourceScope): Promise<readonly SourceCollection[]>;
  /** Records now in the collection. Throws `not_found` where the collection is gone. */
  count(collection: SourceCollection): Promise<number>;
  /** Ids in the server's order, from `offset` on; fewer than `limit` only at the end. */
  listIds(
    collection: SourceCollection,
    page: { readonly offset: number; readonly limit: number },
  ): Promise<readonly string[]>;
  /**
   * Those of the ids that exist, by id. A record that fails the server is fetched alone and marked. Throws
   * `PageTooLarge` where their answer has more than `MAX_PAGE_BYTES`.
   */
  getRecords(
    collection: SourceCollection,
    ids: readonly string[],
    options?: RecordOptions,
  ): Promise<ReadonlyMap<string, SourceRecord>>;
  /** Those of the ids that exist. */
  existing(collection: SourceCollection, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Chroma's own search: nearest first, with its distances. */
  query(
    collection: SourceCollection,
    embedding: Float32Array,
    topK: number,
  ): Promise<readonly { readonly id: string; readonly distance: number }[]>;
  /** The same with the vectors; nothing where the server cannot search the collection. */
  nearest(
    collection: SourceCollection,
    embedding: Float32Array,
    topK: number,
  ): Promise<readonly NearRecord[]>;
}

/** A hit of Chroma's own search, with its vector. */
export interface NearRecord {
  readonly id: string;
  /** NaN where the server has no finite number. */
  readonly distance: number;
  readonly embedding: Float32Array | null;
}

export interface SourceScope {
  /** Chroma's tenants; none named: the one that the login belongs to. Chroma cannot list them. */
  readonly tenants?: readonly string[];
  /** Databases of those tenants. None named: all. */
  readonly databases?: readonly string[];
}
