import { queryEmbeddings } from "../../../server/record/embeddings.ts";
import type { Body } from "../../../server/request/body.ts";
import { optionalCount } from "../../../server/request/fields.ts";
import type { Answer } from "../read.ts";
import { metricOf, withExactDistances } from "./exact.ts";
import { type ComparedHits, compareHits, type HitsOptions, hitsAgree } from "./hits.ts";
import { type JudgeOptions, judgeHits } from "./judge.ts";
import { AGREED, type Comparison, type Difference, type ShadowHit } from "./outcome.ts";
import type { QueryOptions } from "./query-options.ts";
import { type ComparedRow, readHits } from "./rows.ts";

/** Compares two responses to `query`. The result is that of the query vector with the worst one. */
export async function compareQueries(chroma: Answer, cairn: Answer, options: QueryOptions): Promise<Comparison> {
  const { body, pending } = options;
  const vectors = await queryEmbeddings(body);
  const limit = optionalCount(body, "n_results") ?? DEFAULT_LIMIT;
  const settings: HitsOptions = { limit, pending, metric: await metricOf(options) };
  const [theirs, ours] = [await readHits(chroma), await readHits(cairn)];
  let worst: Comparison = AGREED;
  for (const [query, vector] of vectors.entries()) {
    const hits = await compareWithDistances([theirs[query] ?? [], ours[query] ?? []], {
      ...options,
      ...settings,
      vector,
    });
    if (hitsAgree(hits)) continue;
    const { outcome, exact } = await judgeHits(hits, { ...options, ...settings, vector });
    const comparison = {
      outcome,
      agreement: hits.agreement,
      difference: describe(hits, { query, limit, body, exact }),
    };
    if (isWorse(comparison, worst)) worst = comparison;
  }
  return worst;
}

/** Compares hits. If the answers include no distances and their ids differ, the distances are read from Cairn. */
async function compareWithDistances(
  [theirs, ours]: readonly [readonly ComparedRow[], readonly ComparedRow[]],
  options: JudgeOptions,
): Promise<ComparedHits> {
  const hits = compareHits([theirs, ours], options);
  const hasDistances = [...theirs, ...ours].every(({ distance }) => distance !== undefined);
  if (hitsAgree(hits) || hasDistances) return hits;
  const read = (rows: readonly ComparedRow[]) => withExactDistances(options, rows, options);
  return compareHits([await read(theirs), await read(ours)], options);
}

/** Hits of a query that names no number. */
const DEFAULT_LIMIT = 10;

function isWorse(a: Comparison, b: Comparison): boolean {
  if (!("agreement" in b) || !("agreement" in a)) return true;
  if (a.outcome !== b.outcome) return a.outcome === "differed";
  return a.agreement < b.agreement;
}

interface Circumstances {
  readonly query: number;
  readonly limit: number;
  readonly body: Body;
  readonly exact: readonly ComparedRow[] | null;
}

function describe(
  { first, second, differing }: ComparedHits,
  { query, limit, body, exact }: Circumstances,
): Difference {
  const isFiltered = body.where != null || body.where_document != null || body.ids != null;
  const hits = (rows: readonly ComparedRow[]) => rows.map(toHit);
  return {
    kind: "hits",
    query,
    limit,
    isFiltered,
    chroma: hits(first),
    cairn: hits(second),
    exact: exact && hits(exact),
    differing,
  };
}

function toHit({ id, distance = null }: { readonly id: string; readonly distance?: number | null }): ShadowHit {
  return { id, distance };
}
