import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { type JsonObject, stringifyJson } from "../database/json.ts";
import { collections } from "../database/schema.ts";
import { asTenant } from "../database/transaction.ts";
import { findMetadataFault } from "../document/metadata.ts";
import { modelDimensions, modelTextTokens } from "../embedding/models.ts";
import { AppError } from "../error.ts";
import { type ChunkSettings, validateChunking } from "./chunking.ts";
import { type Collection, collectionColumns, DEFAULT_COLLECTION } from "./collection.ts";
import { getCollection } from "./get.ts";
import { type IndexSettings, validateIndexSettings } from "./index-settings.ts";
import { METRICS, type Metric } from "./metric.ts";

export interface NewCollection {
  /** Default `knowledge`. Unique for the tenant. */
  readonly name?: string;
  /** `provider/model`, or null where it is not known. */
  readonly embeddingModel: string | null;
  /** Null: whatever the first vector has. Default: the model's own, or else null. */
  readonly dimensions?: number | null;
  /** Default `cosine`. */
  readonly metric?: Metric;
  readonly metadata?: JsonObject;
  /** Text search configuration of Postgres for keyword search. Default `english`; `simple` suits any language. */
  readonly language?: string;
  /** What is to differ from the defaults of large collections. */
  readonly indexSettings?: IndexSettings;
  /** How its texts are split, where that is to differ from the defaults. */
  readonly chunking?: ChunkSettings;
}

/** Makes a collection. Throws `already_exists`, `invalid_input`, or `not_found` for a tenant that does not exist. */
export async function createCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection> {
  const made = await insertCollection(database, tenantId, collection);
  if (!made)
    throw new AppError(
      "already_exists",
      `There is a collection ${JSON.stringify(collection.name ?? DEFAULT_COLLECTION)} already. Choose another name, or use it as it is.`,
    );
  return made;
}

/** The collection of this name, made where it is missing. */
export async function ensureCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection> {
  return (
    (await insertCollection(database, tenantId, collection)) ??
    getCollection(database, tenantId, collection.name)
  );
}

/** Makes a collection and returns it, or undefined where one of that name exists. */
export async function insertCollection(
  database: Database,
  tenantId: string,
  collection: NewCollection,
): Promise<Collection | undefined> {
  validate(collection);
  const { embeddingModel, name = DEFAULT_COLLECTION, metric = "cosine", metadata = {} } = collection;
  const { language = "english", indexSettings = {}, chunking = {} } = collection;
  const { dimensions = (embeddingModel && modelDimensions(embeddingModel)) || null } = collection;
  try {
    return await asTenant(database, tenantId, async ({ orm }) => {
      const [made] = await orm
        .insert(collections)
        .values({
          tenantId,
          name,
          embeddingModel,
          dimensions,
          metric,
          metadata,
          language,
          indexSettings,
          chunking,
        })
        .onConflictDoNothing()
        .returning(collectionColumns);
      return made;
    });
  } catch (error) {
    if (hasSqlState(error, "23503"))
      throw new AppError("not_found", `There is no tenant ${tenantId}.`, {
        remedy: "list_tenants",
        cause: error,
      });
    throw error;
  }
}

/** The text search configurations that every PostgreSQL from 14 on has; `simple` takes words as they are. */
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

/** What pgvector keeps. */
export const MAX_DIMENSIONS = 16_000;

/** Throws `invalid_input` for a name, model, size or metric that no collection can have. */
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
  if (
    dimensions != null &&
    !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= MAX_DIMENSIONS)
  )
    throw invalid("dimensions", dimensions, "a whole number from 1 to 16,000");
  if (language !== undefined && !LANGUAGES.includes(language))
    throw invalid("language", language, `one of ${LANGUAGES.join(", ")}`);
  const unstorable = metadata && findMetadataFault(metadata);
  if (unstorable)
    throw new AppError("invalid_input", unstorable.message.replace("Its", "The collection's"), {
      path: unstorable.path,
    });
  if (chunking) validateChunking(chunking, embeddingModel ? modelTextTokens(embeddingModel) : undefined);
  if (indexSettings) validateIndexSettings(indexSettings, metric);
  if (metric !== undefined && !METRICS.includes(metric)) throw invalid("metric", metric, "cosine, l2 or ip");
}

function invalid(path: string, value: unknown, expected: string): AppError {
  return new AppError(
    "invalid_input",
    `A collection's ${path} must be ${expected}, not ${stringifyJson(value)}.`,
    { path },
  );
}
