/** Native dimensions by model name, for any provider. Source: the model cards. */
const DIMENSIONS: Readonly<Record<string, number>> = {
  "text-embedding-3-small": 1536,
  "text-embedding-3-large": 3072,
  "text-embedding-ada-002": 1536,
  "all-MiniLM-L6-v2": 384,
  "all-MiniLM-L12-v2": 384,
  "all-mpnet-base-v2": 768,
  "multi-qa-MiniLM-L6-cos-v1": 384,
  "paraphrase-multilingual-MiniLM-L12-v2": 384,
  "bge-small-en-v1.5": 384,
  "bge-base-en-v1.5": 768,
  "bge-large-en-v1.5": 1024,
  "bge-m3": 1024,
  "gte-small": 384,
  "gte-base": 768,
  "multilingual-e5-small": 384,
  "multilingual-e5-base": 768,
  "multilingual-e5-large": 1024,
  "all-minilm": 384,
  "nomic-embed-text": 768,
  "nomic-embed-text-v1.5": 768,
  "mxbai-embed-large": 1024,
};

/** Maximum tokens per text by model name. Source: the model cards. */
const MAX_TEXT_TOKENS: Readonly<Record<string, number>> = {
  "text-embedding-3-small": 8192,
  "text-embedding-3-large": 8192,
  "text-embedding-ada-002": 8192,
  "all-MiniLM-L6-v2": 256,
  "all-MiniLM-L12-v2": 128,
  "all-mpnet-base-v2": 384,
  "multi-qa-MiniLM-L6-cos-v1": 512,
  "paraphrase-multilingual-MiniLM-L12-v2": 128,
  "bge-small-en-v1.5": 512,
  "bge-base-en-v1.5": 512,
  "bge-large-en-v1.5": 512,
  "bge-m3": 8192,
  "gte-small": 512,
  "gte-base": 512,
  "multilingual-e5-small": 512,
  "multilingual-e5-base": 512,
  "multilingual-e5-large": 512,
  "all-minilm": 256,
  "nomic-embed-text": 2048,
  "nomic-embed-text-v1.5": 8192,
  "mxbai-embed-large": 512,
};

/** Maximum tokens per text of a model; undefined: unknown. Publisher and tag are ignored. */
export function modelTextTokens(model: string): number | undefined {
  const name = baseName(model);
  return Object.hasOwn(MAX_TEXT_TOKENS, name) ? MAX_TEXT_TOKENS[name] : undefined;
}

/**
 * Native dimensions of a model's vectors; undefined: unknown. `modelDimensions("openai/text-embedding-3-small")` is 1536.
 * Publisher and tag are ignored.
 */
export function modelDimensions(model: string): number | undefined {
  const name = baseName(model);
  return Object.hasOwn(DIMENSIONS, name) ? DIMENSIONS[name] : undefined;
}

function baseName(model: string): string {
  return model.slice(model.lastIndexOf("/") + 1).replace(/:.*$/, "");
}
