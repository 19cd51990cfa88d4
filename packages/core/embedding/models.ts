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

/**
 * Dimensions of a model's vectors where the model alone decides them, undefined where it is not known:
 * `modelDimensions("openai/text-embedding-3-small")` is 1536. Publisher and tag do not matter.
 */
export function modelDimensions(model: string): number | undefined {
  const name = model.slice(model.lastIndexOf("/") + 1).replace(/:.*$/, "");
  return Object.hasOwn(DIMENSIONS, name) ? DIMENSIONS[name] : undefined;
}
