import { type ChromaError, invalidArgument } from "../error.ts";
import type { Body } from "../request/body.ts";
import { isObject } from "../request/fields.ts";

const DOCUMENT = "#document";
const EMBEDDING = "#embedding";

/** Throws a 400 for an index that cannot exist where the schema enables it. Source: the messages of a Chroma server. */
export function validateSchema(schema: Body): void {
  const { vector, sparse, fullText } = indexesOf(schema.defaults);
  if (vector?.enabled === true)
    throw invalid("Vector index cannot be enabled by default. It can only be enabled on #embedding field.");
  if (isObject(vector?.config) && vector.config.hnsw != null && vector.config.spann != null)
    throw invalid("Both spann and hnsw config cannot be present at the same time.");
  if (sparse?.enabled === true)
    throw invalid(
      "Sparse vector index cannot be enabled by default. Please enable sparse vector index on specific keys. At most one sparse vector index is allowed for the collection.",
    );
  if (fullText?.enabled === true)
    throw invalid(
      "Full text search / regular expression index cannot be enabled by default. It can only be enabled on #document field.",
    );
  for (const [key, types] of Object.entries(isObject(schema.keys) ? schema.keys : {})) validateKey(key, types);
}

function validateKey(key: string, types: unknown): void {
  if (key.startsWith("#") && key !== DOCUMENT && key !== EMBEDDING)
    throw invalid(`key cannot begin with '#'. Keys starting with '#' are reserved for system use: ${key}`);
  if (key === DOCUMENT && hasOtherTypes(types, "string"))
    throw invalid(`Document field cannot have any value types other than string: ${key}`);
  if (key === EMBEDDING && hasOtherTypes(types, "float_list"))
    throw invalid(`Embedding field cannot have any value types other than float_list: ${key}`);
  const { vector, sparse, fullText, strings } = indexesOf(types);
  if (vector?.enabled === true && key !== EMBEDDING)
    throw invalid(`Vector index can only be enabled on #embedding field: ${key}`);
  if ((sourceOf(vector) ?? DOCUMENT) !== DOCUMENT) throw invalid("Vector index can only source from #document");
  validateSparse(sparse);
  if (fullText?.enabled === true && key !== DOCUMENT)
    throw invalid(`Full text search / regular expression index can only be enabled on #document field: ${key}`);
  if (strings?.enabled === true && key === DOCUMENT)
    throw invalid(`String inverted index can not be enabled on #document key: ${key}`);
}

function validateSparse(sparse: Body | undefined): void {
  const source = sourceOf(sparse);
  const hasFunction = isObject(sparse?.config) && sparse.config.embedding_function != null;
  if (sparse?.enabled === true && source !== undefined && !hasFunction)
    throw invalid(
      "If source_key is provided then embedding_function must also be provided since there is no default embedding function.",
    );
  if (source?.startsWith("#") && source !== DOCUMENT)
    throw invalid(
      "source_key cannot begin with '#'. The only valid key starting with '#' is Key.DOCUMENT or '#document'.",
    );
}

/** The indexes of a key. */
function indexesOf(types: unknown) {
  const find = (type: string, name: string): Body | undefined => {
    const indexes = isObject(types) ? types[type] : undefined;
    const index = isObject(indexes) ? indexes[name] : undefined;
    return isObject(index) ? index : undefined;
  };
  return {
    vector: find("float_list", "vector_index"),
    sparse: find("sparse_vector", "sparse_vector_index"),
    fullText: find("string", "fts_index"),
    strings: find("string", "string_inverted_index"),
  };
}

function sourceOf(index: Body | undefined): string | undefined {
  const source = isObject(index?.config) ? index.config.source_key : undefined;
  return typeof source === "string" ? source : undefined;
}

const TYPES = ["string", "float_list", "sparse_vector", "int", "float", "bool"];

function hasOtherTypes(types: unknown, own: string): boolean {
  return isObject(types) && TYPES.some((type) => type !== own && types[type] != null);
}

function invalid(message: string): ChromaError {
  return invalidArgument(`Validation error: schema: ${message}`);
}
