import type { JsonObject } from "@cairn/core/database/json.ts";
import type { ChromaPath } from "../protocol/path.ts";
import type { SourceCollection } from "../source/source.ts";

/** A database of Chroma. */
export type DatabasePath = Omit<ChromaPath, "name">;

/** A record as it is written to Chroma. */
export interface TargetRecord {
  readonly id: string;
  /** Null in an update: the record keeps its vector. Chroma refuses a new record without one. */
  readonly embedding: Float32Array | null;
  /** Null: an existing record keeps its text. */
  readonly document: string | null;
  /** Null: an existing record keeps its URI. */
  readonly uri: string | null;
  readonly metadata: JsonObject;
  /** Keys that an existing record loses. It keeps all other keys that `metadata` does not set. */
  readonly removedKeys: readonly string[];
}

/** A record that Chroma refuses, whatever else is written with it. */
export interface RefusedRecord {
  readonly id: string;
  /** Chroma's reason, without quotes from the record. */
  readonly detail: string;
}

/** A collection that is created in Chroma. */
export interface NewTargetCollection {
  readonly name: string;
  readonly metadata: JsonObject;
  /** The configuration of the index. At least its metric: `{"hnsw": {"space": "cosine"}}`. */
  readonly configuration: JsonObject;
  /** A schema that differs from that of the configuration. Servers that know no schemas ignore it. */
  readonly schema?: JsonObject;
}

/** What changes in a collection. */
export interface CollectionChange {
  readonly name?: string;
  /** Replaces the metadata. Empty: removes it. */
  readonly metadata?: JsonObject;
  /** Settings of the configuration, which are merged. The metric cannot be changed. */
  readonly configuration?: JsonObject;
}

/**
 * A Chroma server that is written to. Every method throws `source_unavailable` if the server cannot be used, `not_found` if the
 * collection does not exist, and `source_invalid` if the server refuses a request as such.
 */
export interface ChromaTarget {
  /** The server's address without credentials. */
  readonly url: string;
  /** Creates the tenant and the database if they do not exist. */
  ensureDatabase(path: DatabasePath): Promise<void>;
  /** The collection of this name. Undefined: there is none. */
  findCollection(path: DatabasePath, name: string): Promise<SourceCollection | undefined>;
  /** Creates a collection. Chroma chooses its id. Throws `already_exists`. */
  createCollection(path: DatabasePath, collection: NewTargetCollection): Promise<SourceCollection>;
  /** Returns the collection as it is then. Throws `already_exists` if the name is taken. */
  changeCollection(collection: SourceCollection, change: CollectionChange): Promise<SourceCollection>;
  /** Returns false if the collection does not exist. */
  deleteCollection(collection: SourceCollection): Promise<boolean>;
  /** Writes records in batches: new ones, or changes of existing ones. Returns those that Chroma refuses; the others are written. */
  upsert(collection: SourceCollection, records: readonly TargetRecord[]): Promise<readonly RefusedRecord[]>;
  /** Changes existing records. Ids without a record are ignored. Returns as `upsert` does. */
  update(collection: SourceCollection, records: readonly TargetRecord[]): Promise<readonly RefusedRecord[]>;
  /** Deletes records. Ids without a record are ignored. */
  deleteIds(collection: SourceCollection, ids: readonly string[]): Promise<void>;
}
