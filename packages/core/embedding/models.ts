/** Length of the vectors of models that people name, by `provider/model`. Source: the models' own pages. */
const DIMENSIONS: Readonly<Record<string, number>> = {
  "openai/text-embedding-3-small": 1536,
  "openai/text-embedding-3-large": 3072,
  "openai/text-embedding-ada-002": 1536,
  "local/all-MiniLM-L6-v2": 384,
  "local/all-MiniLM-L12-v2": 384,
  "local/all-mpnet-base-v2": 768,
  "local/multi-qa-MiniLM-L6-cos-v1": 384,
  "local/paraphrase-multilingual-MiniLM-L12-v2": 384,
  "local/bge-small-en-v1.5": 384,
  "local/bge-base-en-v1.5": 768,
  "local/bge-large-en-v1.5": 1024,
  "local/nomic-embed-text": 768,
  "local/mxbai-embed-large": 1024,
};

/** Length of a model's vectors; undefined for a model that is not in the list, or that has no length of its own. */
export function modelDimensions(model: string): number | undefined {
  return DIMENSIONS[model];
}
