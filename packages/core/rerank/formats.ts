import { isObject } from "../embedding/server-error.ts";
import type { RerankFormat } from "./reranker.ts";

interface Request {
  readonly model: string;
  readonly query: string;
  readonly passages: readonly string[];
}

interface Format {
  /** The provider's address. Undefined: there is no provider. */
  readonly url: string | undefined;
  /** Whether a request names the model. If not, a server has one. */
  readonly namesModel: boolean;
  /** Maximum passages of a request. */
  readonly maxPassages: number;
  readonly body: (request: Request) => object;
  /** The list of results in a response. */
  readonly list: (body: unknown) => unknown;
  /** Name of the list, for messages. */
  readonly listName: string;
  /** The field of a result with its score. */
  readonly score: "relevance_score" | "score";
}

const field = (name: string) => (body: unknown) => (isObject(body) ? body[name] : undefined);

/** All scores are requested: the search decides how many hits it returns. */
export const FORMATS: Readonly<Record<RerankFormat, Format>> = {
  // Source: docs.cohere.com/reference/rerank (v2). More than 1,000 documents are not recommended.
  cohere: {
    url: "https://api.cohere.com/v2/rerank",
    namesModel: true,
    maxPassages: 1_000,
    body: ({ model, query, passages }) => ({ model, query, documents: passages, top_n: passages.length }),
    list: field("results"),
    listName: "results",
    score: "relevance_score",
  },
  // Source: jina.ai/reranker. Without return_documents the response repeats the texts.
  jina: {
    url: "https://api.jina.ai/v1/rerank",
    namesModel: true,
    maxPassages: 1_000,
    body: ({ model, query, passages }) => ({
      ...{ model, query, documents: passages, top_n: passages.length },
      return_documents: false,
    }),
    list: field("results"),
    listName: "results",
    score: "relevance_score",
  },
  // Source: docs.voyageai.com/reference/reranker-api. At most 1,000 documents.
  voyage: {
    url: "https://api.voyageai.com/v1/rerank",
    namesModel: true,
    maxPassages: 1_000,
    body: ({ model, query, passages }) => ({
      model,
      query,
      documents: passages,
      top_k: passages.length,
      truncation: true,
    }),
    list: field("data"),
    listName: "data",
    score: "relevance_score",
  },
  // Source: openapi.json of huggingface/text-embeddings-inference. --max-client-batch-size is 32 by default. Each score
  // depends on its own text only, so that the scores of several requests can be compared.
  tei: {
    url: undefined,
    namesModel: false,
    maxPassages: 32,
    body: ({ query, passages }) => ({ query, texts: passages, raw_scores: false, return_text: false, truncate: true }),
    list: (body) => (Array.isArray(body) ? body : undefined),
    listName: "a list",
    score: "score",
  },
};

/** The results of a response in a format. Undefined: it is not in this format. */
export function resultsOf(body: unknown, { list, score }: Format): readonly Result[] | undefined {
  const results = list(body);
  if (!Array.isArray(results)) return undefined;
  return results.every((result) => isObject(result) && "index" in result && score in result)
    ? results.map((result) => ({ index: result.index, score: result[score] }))
    : undefined;
}

export interface Result {
  readonly index: unknown;
  readonly score: unknown;
}

/** The other formats that a response may be in. */
export function formatsOf(body: unknown): readonly RerankFormat[] {
  const names = Object.keys(FORMATS) as RerankFormat[];
  return names.filter((name) => (resultsOf(body, FORMATS[name])?.length ?? 0) > 0);
}
