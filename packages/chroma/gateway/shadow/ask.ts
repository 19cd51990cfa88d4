import { compareAnswers } from "./compare/compare.ts";
import type { ComparedCollection } from "./compare/exact.ts";
import { type Comparison, EXCLUDED } from "./compare/outcome.ts";
import type { Answer, ShadowRead } from "./read.ts";

/** Ids in flight up to which a read is compared without them. */
const MAX_PENDING = 1_000;

export type ReadOptions = Pick<ComparedCollection, "services" | "signal">;

/** The comparison of a read, and Cairn's first answer; undefined: Cairn was not asked. */
export interface ComparedRead {
  readonly comparison: Comparison | { readonly outcome: "failed" };
  readonly cairn: Pick<Answer, "milliseconds"> | undefined;
}

/**
 * Asks Cairn what Chroma was asked, and compares the answers. Records that change meanwhile are excluded. A write may
 * have reached both sides between Chroma's answer and Cairn's, and nothing of it is in flight any more: if the answers
 * differ, both sides are asked once more.
 */
export async function compareRead(read: ShadowRead, options: ReadOptions): Promise<ComparedRead> {
  const first = await askAndCompare(read, { ...options, askChroma: async () => read.chroma });
  if (first.comparison.outcome !== "differed") return first;
  const { kind, body } = read;
  const second = await askAndCompare(read, {
    ...options,
    askChroma: () => read.askChroma({ kind, body }, options.signal),
  });
  return { comparison: second.comparison, cairn: first.cairn };
}

interface AskOptions extends ReadOptions {
  readonly askChroma: () => Promise<Answer>;
}

async function askAndCompare(read: ShadowRead, { askChroma, services, signal }: AskOptions): Promise<ComparedRead> {
  const before = await read.pendingIds();
  if (before === "all" || before.size > MAX_PENDING) return { comparison: EXCLUDED, cairn: undefined };
  const [chroma, cairn] = await Promise.all([askChroma(), read.askCairn(signal)]);
  if (hasFailed(chroma) || hasFailed(cairn)) return { comparison: { outcome: "failed" }, cairn };
  const after = await read.pendingIds();
  if (after === "all" || after.size > MAX_PENDING) return { comparison: EXCLUDED, cairn };
  const pending = before.union(after);
  return { comparison: await compareAnswers(chroma, cairn, { ...read, services, signal, pending }), cairn };
}

/** Statuses that say nothing about the request: a limit, a proxy, a service that is not ready. */
const FAILURES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/**
 * Whether a side gave no answer that can be compared. Every other error is an answer, and must be the same on both
 * sides.
 */
export function hasFailed({ status }: Pick<Answer, "status">): boolean {
  return FAILURES.has(status);
}
