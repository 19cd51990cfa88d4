import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { decodeText } from "../database/text.ts";
import { AppError } from "../error.ts";
import { type ChosenReranker, RerankError, type RerankOutcome } from "../rerank/reranker.ts";
import type { Services } from "../services.ts";
import { readFields, rowKey } from "./output.ts";
import type { RankedRow } from "./rank.ts";

/** Maximum length of a text that a rerank model gets, in UTF-16 code units. A longer one is cut. */
const MAX_PASSAGE_LENGTH = 8_000;

interface RerankOptions {
  readonly reranker: ChosenReranker;
  /** The text of each query. */
  readonly texts: readonly string[];
  /** The rows of each query, best first. */
  readonly candidates: readonly (readonly RankedRow[])[];
  /** Maximum bytes of texts that are read. Rows beyond it keep their order, after those that were read. */
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

interface RerankedRows {
  readonly rows: readonly RankedRow[];
  readonly outcome: RerankOutcome;
}

/**
 * The rows of each query in the order of the rerank model, with its scores. Rows without a score (without text, left out by
 * the server, beyond `topN` or `maxBytes`) follow in the order of the search. If the model fails or takes too long, all rows
 * keep that order, and the outcome says so. Throws `rerank_misconfigured` and the signal's reason.
 */
export async function rerankRows(
  { database }: Pick<Services, "database">,
  collection: Collection,
  { candidates, maxBytes, ...options }: RerankOptions,
): Promise<readonly RerankedRows[]> {
  const { reranker, texts } = options;
  const first = candidates.map((rows) => rows.slice(0, reranker.topN));
  const passages = await readPassages(database, collection, { ranked: fitting(first, maxBytes), maxBytes });
  const startedAt = performance.now();
  return Promise.all(
    candidates.map((rows, index) =>
      rerankQuery(rows, {
        ...options,
        tenantId: collection.tenantId,
        query: texts[index] as string,
        passages: passages[index] ?? [],
        startedAt,
      }),
    ),
  );
}

/** The texts of the rows, cut to `MAX_PASSAGE_LENGTH`. A row without text, or deleted meanwhile, has an empty one. */
async function readPassages(
  database: Database,
  collection: Collection,
  { ranked, maxBytes }: { readonly ranked: readonly (readonly RankedRow[])[]; readonly maxBytes: number },
): Promise<readonly (readonly string[])[]> {
  const rows = ranked.flatMap((own) => own.filter(({ row }) => !row.complete).map(({ row }) => row));
  const read =
    rows.length > 0 ? await readFields(database, collection, { rows, fields: ["content"], maxBytes }) : undefined;
  return ranked.map((own) =>
    own.map(({ row }) => {
      const { content } = row.complete ? row : (read?.get(rowKey(row)) ?? {});
      return cut(decodeText(content ?? ""));
    }),
  );
}

function cut(text: string): string {
  const end = /[\ud800-\udbff]/.test(text[MAX_PASSAGE_LENGTH - 1] ?? "") ? MAX_PASSAGE_LENGTH - 1 : MAX_PASSAGE_LENGTH;
  return text.slice(0, end);
}

interface QueryOptions extends Pick<RerankOptions, "reranker" | "signal"> {
  readonly tenantId: string;
  readonly query: string;
  /** Texts of the first rows. */
  readonly passages: readonly string[];
  /** Start of the call, as a value of `performance.now()`. */
  readonly startedAt: number;
}

async function rerankQuery(
  rows: readonly RankedRow[],
  { reranker: { reranker, model }, passages, startedAt, ...call }: QueryOptions,
): Promise<RerankedRows> {
  const indexes = [...passages.keys()].filter((index) => passages[index]?.trim() !== "");
  const sent = indexes.map((index) => passages[index] as string);
  const deadline = startedAt + reranker.timeout;
  try {
    const scores = sent.length > 0 ? await reranker.rerank({ ...call, model, passages: sent, deadline }) : [];
    const ms = Math.round(performance.now() - startedAt);
    const ordered = orderByScore(rows, new Map(indexes.map((index, at) => [index, scores[at]])));
    return { rows: ordered, outcome: { applied: true, model, ms, passages: sent.length } };
  } catch (error) {
    call.signal?.throwIfAborted();
    if (error instanceof RerankError)
      return { rows, outcome: { applied: false, reason: error.reason, detail: error.message } };
    if (error instanceof AppError && error.code === "budget_exceeded")
      return { rows, outcome: { applied: false, reason: "budget", detail: error.message } };
    throw error;
  }
}

/** The first rows of each query whose texts fit into the limit together. */
function fitting(queries: readonly (readonly RankedRow[])[], maxBytes: number): readonly (readonly RankedRow[])[] {
  let left = maxBytes;
  return queries.map((rows) => {
    const end = rows.findIndex(({ row }) => {
      left -= row.bytes;
      return left < 0;
    });
    return end < 0 ? rows : rows.slice(0, end);
  });
}

/** The rows with a score, highest first, then the others. Rows of equal score keep their order. */
function orderByScore(
  rows: readonly RankedRow[],
  scores: ReadonlyMap<number, number | undefined>,
): readonly RankedRow[] {
  const ranked = rows.map((row, index) => ({ ...row, rerankScore: scores.get(index) ?? null }));
  return ranked.sort(
    (a, b) => (b.rerankScore ?? Number.NEGATIVE_INFINITY) - (a.rerankScore ?? Number.NEGATIVE_INFINITY) || 0,
  );
}
