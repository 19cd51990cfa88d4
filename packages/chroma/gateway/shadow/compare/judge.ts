import { distanceOf } from "./distance.ts";
import { findExactHits, withExactDistances } from "./exact.ts";
import { type ComparedHits, compareHits, type HitsOptions, hitsAgree } from "./hits.ts";
import type { QueryOptions } from "./query-options.ts";
import { type ComparedRow, readRecords } from "./rows.ts";
import { isSameDistance } from "./tolerance.ts";

export interface JudgeOptions extends QueryOptions, HitsOptions {
  readonly vector: Float32Array;
}

export interface Judgement {
  readonly outcome: "missed" | "differed";
  /** The true nearest records of Cairn; null: not needed to judge. */
  readonly exact: readonly ComparedRow[] | null;
}

/** Records that only one side returned, and that are looked up on the other. */
const MAX_LOOKED_UP = 100;

/**
 * Judges hits of Chroma (`first`) and Cairn (`second`) that disagree. Chroma's index missed records if three things
 * hold:
 *
 * 1. Cairn's hits are those of an exact search.
 * 2. The hits that only Chroma returned are in Cairn at the same distance, so Cairn has them and has nearer ones.
 * 3. The hits that only Cairn returned are in Chroma, match there, and have the same distance, so Chroma has them and
 * did not find them.
 *
 * Otherwise Cairn's index is wrong, or the data differ.
 */
export async function judgeHits(hits: ComparedHits, options: JudgeOptions): Promise<Judgement> {
  if (hits.differing.length > 0) return { outcome: "differed", exact: null };
  const { vector, body, pending, limit } = options;
  const found = await findExactHits(options, { body, vector, limit: limit + pending.size });
  const exact = found.filter(({ id }) => !pending.has(id)).slice(0, Math.max(hits.first.length, hits.second.length));
  const isMissed =
    isExact(hits, found, options) &&
    (await isInCairn(hits, hits.onlyFirst, options)) &&
    (await isInChroma(hits, hits.onlySecond, options));
  return { outcome: isMissed ? "missed" : "differed", exact };
}

/** Whether Cairn's hits are those of an exact search. If Cairn returned all that it has, there must be no more. */
function isExact({ second, known }: ComparedHits, found: readonly ComparedRow[], options: HitsOptions): boolean {
  const rows = second.map(({ id, distance }) => ({ id, distance }));
  const limit = second.length < known ? Number.POSITIVE_INFINITY : second.length;
  return hitsAgree(compareHits([rows, found], { ...options, limit }));
}

/** Whether Cairn has these hits of Chroma at the same distance. */
async function isInCairn(hits: ComparedHits, rows: readonly ComparedRow[], options: JudgeOptions): Promise<boolean> {
  const looked = rows.slice(0, MAX_LOOKED_UP);
  const own = await withExactDistances(options, looked, options);
  return looked.every(({ distance }, at) => isSame([distance, own[at]?.distance], hits, options));
}

/** Whether Chroma has these hits of Cairn at the same distance. Throws if Chroma does not say. */
async function isInChroma(hits: ComparedHits, rows: readonly ComparedRow[], options: JudgeOptions): Promise<boolean> {
  const looked = rows.slice(0, MAX_LOOKED_UP);
  if (looked.length === 0) return true;
  const { where, where_document } = options.body;
  const body = { ids: looked.map(({ id }) => id), where, where_document, include: ["embeddings"] };
  const answer = await options.askChroma({ kind: "get", body }, options.signal);
  if (answer.status !== 200) throw new Error(`Chroma responded with ${answer.status} to a request for ids.`);
  const records = new Map((await readRecords(answer)).map((row) => [row.id, row]));
  return looked.every(({ id, distance }) => {
    const embedding = records.get(id)?.embedding;
    return (
      embedding != null && isSame([distance, distanceOf(options.metric, [options.vector, embedding])], hits, options)
    );
  });
}

function isSame(
  [a, b]: readonly [number | undefined, number | undefined],
  { largest }: ComparedHits,
  { metric }: HitsOptions,
): boolean {
  return a !== undefined && b !== undefined && isSameDistance(metric, [a, b], largest);
}
