import { chunkSizes } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import type { ChunkSettings, IndexSettings } from "@cairn/core/database/collection-settings.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { type Embedders, requireDefaultModel } from "@cairn/core/embedding/embedder.ts";
import { z } from "@hono/zod-openapi";

const name = z.string().min(1).max(512);

/** A JSON object, not copied: `z.record` would copy it and drop a key `__proto__`. */
export const jsonObjectSchema = z
  .custom<Record<string, unknown>>(isJsonObject, { error: "Invalid input: expected object" })
  .openapi({ type: "object", additionalProperties: {} });

function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

export const metadataSchema = jsonObjectSchema.openapi({
  description:
    "Any JSON object with at most 65,536 bytes, 64 levels and 1,024 characters in a key. Integers of up to 1,000 digits are stored exactly; other numbers are 64-bit floats.",
  example: { topic: "returns", price: 20 },
});

const indexSchema = z
  .strictObject({
    threshold: z.int().min(1).max(1_000_000_000).optional(),
    type: z.enum(["hnsw", "ivfflat"]).optional(),
    precision: z.enum(["vector", "halfvec", "bit"]).optional(),
    m: z.int().min(2).max(100).optional(),
    ef_construction: z.int().min(4).max(1000).optional(),
    ef_search: z.int().min(1).max(1000).optional(),
    lists: z.int().min(1).max(32_768).optional(),
    probes: z.int().min(1).max(32_768).optional(),
  })
  .openapi("IndexSettings", {
    description: "How the collection is indexed when it reaches the threshold. Each setting has a default.",
  });

export const chunkingFields = { max_tokens: z.int().min(16).max(8_000), overlap: z.int().min(0).max(4_000) };

const chunkingObject = z.strictObject({
  max_tokens: chunkingFields.max_tokens.describe(
    "Maximum tokens of a passage, limited by what the model reads. Default 800.",
  ),
  overlap: chunkingFields.overlap.describe(
    "Tokens of the previous passage that a passage repeats, at most half of max_tokens. Default 400.",
  ),
});

/** Either field may be omitted. */
const chunkingSchema = chunkingObject
  .partial()
  .openapi("ChunkingSettings", { example: { max_tokens: 400, overlap: 100 } });

export const collectionSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    embedding_model: z.string().nullable().describe("provider/model. Null: unknown, and only queries by vector work."),
    dimensions: z.int().nullable().describe("Number of dimensions. Null until the first vector is written."),
    metric: z.enum(["cosine", "l2", "ip"]),
    metadata: metadataSchema,
    language: z.string(),
    index: indexSchema,
    chunking: z.object(chunkingObject.shape).openapi("Chunking", { description: "How texts are split into passages." }),
    replaced_by: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .openapi("Collection");

export const newCollectionSchema = z
  .strictObject({
    name: name.optional().describe("Unique within the tenant. Default: knowledge."),
    embedding_model: z
      .string()
      .max(200)
      .nullable()
      .optional()
      .describe(
        "provider/model. Default: the model of the service. Null: no model, and all vectors come from the caller.",
      ),
    dimensions: z
      .int()
      .min(1)
      .max(16_000)
      .nullable()
      .optional()
      .describe("Number of dimensions. Default: that of the model."),
    metric: z.enum(["cosine", "l2", "ip"]).optional().describe("Default: cosine."),
    metadata: metadataSchema.optional(),
    language: z.string().max(63).optional().describe("Language of the texts, for keyword search. Default: english."),
    index: indexSchema.optional(),
    chunking: chunkingSchema.optional(),
  })
  .openapi("NewCollection", { example: { name: "handbook" } });

export const collectionChangesSchema = z
  .strictObject({
    name: name.optional(),
    embedding_model: z
      .string()
      .max(200)
      .optional()
      .describe("The model that made the existing vectors, as provider/model. Vectors are not changed."),
    confirm_model: z
      .boolean()
      .optional()
      .describe("Must be true to change the model of a collection that has vectors."),
    metadata: metadataSchema.optional(),
    language: z.string().max(63).optional(),
    index: indexSchema.optional().describe("Replaces all previous index settings."),
    chunking: chunkingSchema
      .optional()
      .describe("Replaces the previous settings. Applies to documents that are ingested later."),
  })
  .openapi("CollectionChanges", { example: { metadata: { owner: "support" } } });

/** The fields that have a value. */
function defined(fields: object) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

type IndexInput = z.infer<typeof indexSchema>;

function toIndexSettings(input: IndexInput): IndexSettings {
  const { ef_construction: efConstruction, ef_search: efSearch, ...rest } = input;
  return defined({ ...rest, efConstruction, efSearch });
}

function fromIndexSettings({ efConstruction, efSearch, ...rest }: IndexSettings): IndexInput {
  return { ...rest, ef_construction: efConstruction, ef_search: efSearch };
}

function toChunking(input: z.infer<typeof chunkingSchema>): ChunkSettings {
  return defined({ maxTokens: input.max_tokens, overlap: input.overlap });
}

export function toNewCollection(input: z.infer<typeof newCollectionSchema>, embedders: Embedders) {
  const { embedding_model: model, dimensions, metadata, index, chunking, ...rest } = input;
  const defaultModel = model === undefined ? requireDefaultModel(embedders) : undefined;
  return {
    ...rest,
    embeddingModel: model === undefined ? (defaultModel?.model ?? null) : model,
    dimensions: dimensions === undefined ? defaultModel?.dimensions : dimensions,
    metadata: metadata as JsonObject | undefined,
    indexSettings: index && toIndexSettings(index),
    chunking: chunking && toChunking(chunking),
  };
}

export function toCollectionChanges(input: z.infer<typeof collectionChangesSchema>) {
  const { embedding_model: embeddingModel, confirm_model: confirmModel, index, chunking, ...rest } = input;
  const indexSettings = index && toIndexSettings(index);
  return defined({
    ...rest,
    embeddingModel,
    confirmModel,
    indexSettings,
    chunking: chunking && toChunking(chunking),
  });
}

/** The response for a collection. `limit` is the maximum tokens of a text that its model reads. */
export function fromCollection(collection: Collection, limit: number | undefined): z.infer<typeof collectionSchema> {
  const { id, name, embeddingModel, dimensions, metric, metadata, language, indexSettings } = collection;
  const sizes = chunkSizes(collection.chunking, limit);
  return {
    id,
    name,
    embedding_model: embeddingModel,
    dimensions,
    metric,
    metadata,
    language,
    index: fromIndexSettings(indexSettings),
    chunking: { max_tokens: sizes.maxTokens, overlap: sizes.overlap },
    replaced_by: collection.replacedBy,
    created_at: collection.createdAt.toISOString(),
    updated_at: collection.updatedAt.toISOString(),
  };
}

export const collectionName = name
  .describe("Name or id of the collection. Default: knowledge.")
  .openapi({ example: "knowledge" });
