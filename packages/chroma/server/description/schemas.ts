import { z } from "@hono/zod-openapi";

// The bodies of Chroma's API, for the description. The routes read them with Chroma's own error messages.

const vector = z.array(z.number());
const text = z.string().nullable();
const metadata = z.record(z.string(), z.unknown()).nullable().openapi("ChromaMetadata", {
  description: "Texts, booleans, numbers, and lists of one of these types. In an update, null deletes a key.",
});
const where = z.record(z.string(), z.unknown()).nullable().optional();
const ids = z.array(z.string());
const count = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const include = z.array(z.enum(["distances", "documents", "embeddings", "metadatas", "uris"])).optional();
const columns = {
  documents: z.array(text).nullable().optional(),
  metadatas: z.array(metadata).nullable().optional(),
  uris: z.array(text).nullable().optional(),
};
const embeddings = z
  .union([z.array(vector), z.array(z.string())])
  .openapi({ description: "Numbers, or little-endian 32-bit floats in base64." });

export const name = z.object({ name: z.string() }).openapi("ChromaName");
export const resourceName = z.object({ resource_name: z.string() }).openapi("ChromaResourceName");

export const newCollection = z
  .object({
    name: z.string(),
    metadata: metadata.optional(),
    configuration: z.record(z.string(), z.unknown()).nullable().optional(),
    schema: z.record(z.string(), z.unknown()).nullable().optional(),
    get_or_create: z.boolean().nullable().optional(),
  })
  .openapi("ChromaNewCollection", { example: { name: "handbook", get_or_create: true } });

export const collectionChanges = z
  .object({
    new_name: z.string().nullable().optional(),
    new_metadata: metadata.optional(),
    new_configuration: z.record(z.string(), z.unknown()).nullable().optional(),
  })
  .openapi("ChromaCollectionChanges", { example: { new_metadata: { owner: "support" } } });

export const records = z
  .object({ ids, embeddings, ...columns })
  .openapi("ChromaRecords", { example: { ids: ["a"], embeddings: [[1, 0]], documents: ["A text."] } });

export const recordChanges = z
  .object({ ids, embeddings: z.array(vector.nullable()).nullable().optional(), ...columns })
  .openapi("ChromaRecordChanges", { example: { ids: ["a"], metadatas: [{ topic: "returns" }] } });

export const getRequest = z
  .object({
    ids: ids.nullable().optional(),
    where,
    where_document: where,
    limit: count.nullable().optional(),
    offset: count.nullable().optional(),
    include,
  })
  .openapi("ChromaGet", { example: { where: { topic: "returns" }, limit: 10 } });

export const queryRequest = z
  .object({
    query_embeddings: z.array(vector),
    n_results: count.nullable().optional(),
    ids: ids.nullable().optional(),
    where,
    where_document: where,
    include,
  })
  .openapi("ChromaQuery", { example: { query_embeddings: [[1, 0]], n_results: 3 } });

export const deleteRequest = z
  .object({ ids: ids.nullable().optional(), where, where_document: where, limit: count.nullable().optional() })
  .openapi("ChromaDelete", { example: { ids: ["a"] } });

export const searchRequest = z
  .object({ searches: z.array(z.record(z.string(), z.unknown())) })
  .openapi("ChromaSearch", { example: { searches: [{ rank: { $knn: { query: [1, 0] } }, limit: { limit: 3 } }] } });

export const anyObject = z.record(z.string(), z.unknown());

export const collection = z
  .object({
    id: z.uuid(),
    name: z.string(),
    configuration_json: anyObject,
    schema: anyObject.nullable().optional(),
    metadata,
    dimension: z.int().nullable(),
    tenant: z.string(),
    database: z.string(),
    log_position: z.int(),
    version: z.int(),
  })
  .openapi("ChromaCollection");

const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).nullable();

export const getResponse = z
  .object({
    ids,
    embeddings: listOf(vector),
    documents: listOf(text),
    uris: listOf(text),
    metadatas: listOf(metadata),
    include: z.array(z.string()),
  })
  .openapi("ChromaGetResult");

export const queryResponse = z
  .object({
    ids: z.array(ids),
    embeddings: listOf(z.array(vector)),
    documents: listOf(z.array(text)),
    uris: listOf(z.array(text)),
    metadatas: listOf(z.array(metadata)),
    distances: listOf(z.array(z.number())),
    include: z.array(z.string()),
  })
  .openapi("ChromaQueryResult");

export const searchResponse = z
  .object({
    ids: z.array(ids),
    documents: z.array(listOf(text)),
    embeddings: z.array(listOf(vector)),
    metadatas: z.array(listOf(metadata)),
    scores: z.array(z.array(z.number().nullable()).nullable()),
    select: z.array(z.array(z.string())),
  })
  .openapi("ChromaSearchResult");

export const database = z.object({ id: z.string(), name: z.string(), tenant: z.string() }).openapi("ChromaDatabase");
export const error = z.object({ error: z.string(), message: z.string() }).openapi("ChromaError");
