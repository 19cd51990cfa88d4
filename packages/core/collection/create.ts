import type { ChunkSettings, IndexSettings } from "../database/collection-settings.ts";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { type JsonObject, stringifyJson } from "../database/json.ts";
import { collections } from "../database/schema.ts";
import { asTenant } from "../database/transaction.ts";
import { findMetadataFault } from "../document/metadata.ts";
import { modelDimensions, modelTextTokens } from "../embedding/models.ts";
import { AppError } from "../error.ts";
import { METRICS, type Metric } from "../index/metric.ts";
import { validateIndexSettings } from "../index/settings.ts";
import { captureCollectionChange, REPLICATION_SETTINGS, readOnlyReplica } from "../replication/capture.ts";
import { roleOfNewCollection } from "../replication/role.ts";
import { validateChunking } from "./chunking.ts";
import { type Collection, collectionColumns, DEFAULT_COLLECTION } from "./collection.ts";
import { getCollection } from "./get.ts";

export interface NewCollection {
  /** Default: a random UUID. For a collection that clients know by its id already. */
  readonly id?: string;
  /** Default `knowledge`. Unique for the tenant. */
  readonly name?: string;
  /** `provider/model`, or null if unknown. */
  readonly embeddingModel: string | null;
  /** Null: set by the first vector. Default: the model's dimensions, or null if they are unknown. */
  readonly dimensions?: number | null;
  /** Default `cosine`. */
  readonly metric?: Metric;
  readonly metadata?: JsonObject;
  /** What another protocol knows of the collection, by the name of the protocol. Default: empty. */
  readonly attributes?: JsonObject;
  /** Text search configuration of Postgres for keyword search. Default `english`; `simple` suits any language. */
  readonly language?: string;
  /** Differences from the default index settings. */
  readonly indexSettings?: IndexSettings;
  /** Differences from the default chunking. */
  readonly chunking?: ChunkSettings;
  /** Whether replication creates it, which may create a replica. Default false. */
  readonly isReplicating?: boolean;
  /** Runs at the end of the transaction, and may throw to undo the creation. */
  readonly beforeCommit?: (transaction: Transaction) => Promise<void>;
}

/** Creates a collection. Throws `already_exists`, `invalid_input`, or `not_found` for a tenant that does not exist. */
export async function createCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection> {
  const created = await insertCollection(database, tenantId, collection);
  if (!created)
    throw new AppError(
      "already_exists",
      `The collection cannot be created: ${JSON.stringify(collection.name ?? DEFAULT_COLLECTION)} already exists. Choose another name, or use the existing collection.`,
    );
  return created;
}

/** The collection of this name, created if it does not exist. */
export async function ensureCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection> {
  return (await insertCollection(database, tenantId, collection)) ?? getCollection(database, tenantId, collection.name);
}

/** Creates a collection. Returns undefined if the name or the id is taken. */
export async function insertCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection | undefined> {
  validate(collection);
  const { id, embeddingModel, name = DEFAULT_COLLECTION, metric = "cosine", metadata = {}, attributes } = collection;
  const { language = "english", indexSettings = {}, chunking = {}, isReplicating = false, beforeCommit } = collection;
  const { dimensions = (embeddingModel && modelDimensions(embeddingModel)) || null } = collection;
  try {
    return await asTenant(
      database,
      tenantId,
      async (transaction) => {
        const { orm } = transaction;
        const replication = await roleOfNewCollection(orm, tenantId);
        if (replication === "replica" && !isReplicating) throw readOnlyReplica(name);
        const [created] = await orm
          .insert(collections)
          .values({
            tenantId,
            id,
            name,
            embeddingModel,
            dimensions,
            metric,
            metadata,
            attributes,
            language,
            indexSettings,
            chunking,
            replication,
          })
          .onConflictDoNothing()
          .returning(collectionColumns);
        if (created) await captureCollectionChange(transaction, created);
        await beforeCommit?.(transaction);
        return created;
      },
      isReplicating ? REPLICATION_SETTINGS : undefined,
    );
  } catch (error) {
    if (hasSqlState(error, "23503"))
      throw new AppError("not_found", `There is no tenant ${tenantId}.`, {
        remedy: "list_tenants",
        cause: error,
      });
    throw error;
  }
}

/** The text search configurations of every PostgreSQL since 14. `simple` does not stem words. */
const LANGUAGES: readonly string[] =
  "simple arabic armenian basque catalan danish dutch english finnish french german greek hindi hungarian indonesian irish italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil turkish yiddish".split(
    " ",
  );

export const COLLECTION_NAME = "1 to 512 characters, no control characters";

export function isCollectionName(name: string): boolean {
  return /^[^\p{Cc}\p{Cs}\uFFFE]{1,512}$/u.test(name);
}

export const MODEL_NAME =
  "the form provider/model, as in openai/text-embedding-3-small, without spaces and control characters, 512 characters at most";

export function isModelName(name: string): boolean {
  return name.length <= 512 && /^[a-z0-9_-]+\/[^\s\p{Cc}\p{Cs}\uFFFE]+$/iu.test(name);
}

/** The maximum of pgvector. */
export const MAX_DIMENSIONS = 16_000;

/** Throws `invalid_input` for a value that a collection cannot have. */
export function validate({
  name,
  embeddingModel,
  dimensions,
  metric,
  language,
  indexSettings,
  chunking,
  metadata,
}: Partial<NewCollection>): void {
  if (name !== undefined && !isCollectionName(name)) throw invalid("name", name, COLLECTION_NAME);
  if (embeddingModel != null && !isModelName(embeddingModel))
    throw invalid("embeddingModel", embeddingModel, MODEL_NAME);
  if (dimensions != null && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= MAX_DIMENSIONS))
    throw invalid("dimensions", dimensions, "a whole number from 1 to 16,000");
  if (language !== undefined && !LANGUAGES.includes(language))
    throw invalid("language", language, `one of ${LANGUAGES.join(", ")}`);
  const metadataFault = metadata && findMetadataFault(metadata);
  if (metadataFault)
    throw new AppError("invalid_input", metadataFault.message.replace("Its", "The collection's"), {
      path: metadataFault.path,
    });
  if (chunking) validateChunking(chunking, embeddingModel ? modelTextTokens(embeddingModel) : undefined);
  if (indexSettings) validateIndexSettings(indexSettings, metric);
  if (metric !== undefined && !METRICS.includes(metric)) throw invalid("metric", metric, "cosine, l2 or ip");
}

function invalid(path: string, value: unknown, expected: string): AppError {
  return new AppError("invalid_input", `A collection's ${path} must be ${expected}, not ${stringifyJson(value)}.`, {
    path,
  });
}
