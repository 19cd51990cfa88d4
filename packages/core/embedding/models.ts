import { BUNDLED_DIMENSIONS } from "./bundled/dimensions.ts";
import { GLOVE_DIMENSIONS } from "./word-table/dimensions.ts";

/** Native dimensions and maximum tokens per text by model name, for any provider. Source: the model cards. */
const MODELS: ReadonlyMap<string, readonly [dimensions: number, textTokens: number]> = new Map([
  ["text-embedding-3-small", [1536, 8192]],
  ["text-embedding-3-large", [3072, 8192]],
  ["text-embedding-ada-002", [1536, 8192]],
  ["all-MiniLM-L6-v2", [384, 256]],
  ["all-MiniLM-L12-v2", [384, 128]],
  ["all-mpnet-base-v2", [768, 384]],
  ["multi-qa-MiniLM-L6-cos-v1", [384, 512]],
  ["paraphrase-multilingual-MiniLM-L12-v2", [384, 128]],
  ["bge-small-en-v1.5", [384, 512]],
  ["bge-base-en-v1.5", [768, 512]],
  ["bge-large-en-v1.5", [1024, 512]],
  ["bge-m3", [1024, 8192]],
  ["gte-small", [384, 512]],
  ["gte-base", [768, 512]],
  ["multilingual-e5-small", [384, 512]],
  ["multilingual-e5-base", [768, 512]],
  ["multilingual-e5-large", [1024, 512]],
  ["all-minilm", [384, 256]],
  ["nomic-embed-text", [768, 2048]],
  ["nomic-embed-text-v1.5", [768, 8192]],
  ["mxbai-embed-large", [1024, 512]],
  ["glove-50k", [GLOVE_DIMENSIONS, 256]],
  ["use-lite", [BUNDLED_DIMENSIONS, 256]], // they read more, but a vector for few sentences is more precise
] as const);

/** Maximum tokens per text of a model; undefined: unknown. Publisher and tag are ignored. */
export function modelTextTokens(model: string): number | undefined {
  return MODELS.get(baseName(model))?.[1];
}

/**
 * Native dimensions of a model's vectors; undefined: unknown. `modelDimensions("openai/text-embedding-3-small")` is 1536.
 * Publisher and tag are ignored.
 */
export function modelDimensions(model: string): number | undefined {
  return MODELS.get(baseName(model))?.[0];
}

function baseName(model: string): string {
  return model.slice(model.lastIndexOf("/") + 1).replace(/:.*$/, "");
}
