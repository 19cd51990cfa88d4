import * as z from "zod";

/** What a request says in any dialect. */
export interface DialectRequest {
  readonly model: string | undefined;
  readonly query: string;
  readonly passages: readonly string[];
  /** Maximum results. Undefined: all. */
  readonly limit: number | undefined;
}

export interface Ranked {
  readonly index: number;
  readonly score: number;
}

interface RerankDialect {
  readonly path: string;
  /** Status for a request that the provider does not understand. */
  readonly invalidStatus: number;
  /** The request, or why it is refused. */
  readonly read: (body: unknown) => DialectRequest | string;
  readonly write: (results: readonly Ranked[]) => object;
  readonly failure: (message: string) => object;
}

const texts = z.array(z.string()).min(1).max(1_000);
const limit = z.int().min(1).optional();

/** Reads a request that has exactly the fields of the schema. */
function reader<Shape extends z.ZodRawShape>(
  shape: Shape,
  toRequest: (body: z.output<z.ZodObject<Shape>>) => DialectRequest,
): RerankDialect["read"] {
  const schema = z.strictObject(shape);
  return (body) => {
    const parsed = schema.safeParse(body);
    if (parsed.success) return toRequest(parsed.data as z.output<z.ZodObject<Shape>>);
    const [issue] = parsed.error.issues;
    return `invalid request: ${issue?.path.join(".")} ${issue?.message}`;
  };
}

const relevance = (results: readonly Ranked[]) =>
  results.map(({ score, ...result }) => ({ ...result, relevance_score: score }));

/** The rerank APIs of the providers, as their references describe them. */
export const RERANK_DIALECTS = {
  cohere: {
    path: "/v2/rerank",
    invalidStatus: 400,
    read: reader(
      { model: z.string(), query: z.string(), documents: texts, top_n: limit, max_tokens_per_doc: z.int().optional() },
      ({ model, query, documents: passages, top_n }) => ({ model, query, passages, limit: top_n }),
    ),
    write: (results) => ({
      results: relevance(results),
      id: "07734bd2",
      meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
    }),
    failure: (message) => ({ id: "e1", message }),
  },
  jina: {
    path: "/v1/rerank",
    invalidStatus: 422,
    read: reader(
      { model: z.string(), query: z.string(), documents: texts, top_n: limit, return_documents: z.boolean() },
      ({ model, query, documents: passages, top_n }) => ({ model, query, passages, limit: top_n }),
    ),
    write: (results) => ({ model: "jina", usage: { total_tokens: 815 }, results: relevance(results) }),
    failure: (message) => ({ detail: [{ loc: ["body"], msg: message, type: "value_error" }] }),
  },
  voyage: {
    path: "/v1/rerank",
    invalidStatus: 400,
    read: reader(
      {
        model: z.string(),
        query: z.string(),
        documents: texts,
        top_k: limit,
        return_documents: z.boolean().optional(),
        truncation: z.boolean().optional(),
      },
      ({ model, query, documents: passages, top_k }) => ({ model, query, passages, limit: top_k }),
    ),
    write: (results) => ({ object: "list", data: relevance(results), model: "voyage", usage: { total_tokens: 26 } }),
    failure: (message) => ({ detail: message }),
  },
  tei: {
    path: "/rerank",
    invalidStatus: 422,
    read: reader(
      {
        query: z.string(),
        texts: z.array(z.string()).min(1).max(32),
        raw_scores: z.boolean().optional(),
        return_text: z.boolean().optional(),
        truncate: z.boolean().nullable().optional(),
      },
      ({ query, texts: passages }) => ({ model: undefined, query, passages, limit: undefined }),
    ),
    write: (results) => results,
    failure: (message) => ({ error: message, error_type: "Validation" }),
  },
} as const satisfies Readonly<Record<string, RerankDialect>>;
