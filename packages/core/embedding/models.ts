/** Native dimensions by the model's own name, whoever serves it. Source: each model's card. */
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

/** Tokens of a text that a model reads, by its own name. Source: each model's card. */
const TEXT_TOKENS: Readonly<Record<string, number>> = {
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

/** Tokens of a text that a model reads at most, undefined where it is not known. Publisher and tag do not matter. */
export function modelTextTokens(model: string): number | undefined {
  const name = nameOf(model);
  return Object.hasOwn(TEXT_TOKENS, name) ? TEXT_TOKENS[name] : undefined;
}

/**
 * Dimensions of a model's vectors where the model alone decides them, undefined where it is not known:
 * `modelDimensions("openai/text-embedding-3-small")` is 1536. Publisher and tag do not matter.
 */
export function modelDimensions(model: string): number | undefined {
  const name = nameOf(model);
  return Object.hasOwn(DIMENSIONS, name) ? DIMENSIONS[name] : undefined;
}

function nameOf(model: string): string {
  return model.slice(model.lastIndexOf("/") + 1).replace(/:.*$/, "");
}
