import type { ChunkSizes } from "../database/collection-settings.ts";
import type { Piece } from "./pieces.ts";

/** The range of a passage in its text, in UTF-16 code units. */
export interface ChunkRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Packs the pieces of a text of `length` UTF-16 code units into passages that together cover the complete text. Yields
 * undefined after each part of the text, so that the caller can pause for other work.
 */
export function* packPieces(
  length: number,
  source: Iterator<readonly Piece[], void>,
  sizes: ChunkSizes,
): Generator<ChunkRange | undefined> {
  const pieces: Piece[] = []; // starts with the first piece of the current passage
  let start = 0;
  let overlapping = 0; // the number of these pieces that the previous passage also contains
  for (;;) {
    yield* readAhead(pieces, source, sizes);
    if (overlapping >= pieces.length) return;
    const packing = createPacking(pieces, sizes);
    const end = endOf(packing, overlapping);
    yield { start, end: pieces[end]?.start ?? length };
    const first = nextStart(packing, end);
    overlapping = end - first;
    start = pieces[first]?.start ?? length;
    pieces.splice(0, first);
  }
}

/** Reads pieces until they exceed one passage, or until the source ends. */
function* readAhead(
  pieces: Piece[],
  source: Iterator<readonly Piece[], void>,
  { maxTokens }: ChunkSizes,
): Generator<undefined> {
  let tokens = pieces.reduce((sum, piece) => sum + piece.tokens, 0) - (pieces[0]?.tokens ?? 0);
  while (tokens <= maxTokens) {
    const { done, value } = source.next();
    if (done) return;
    for (const piece of value) {
      if (pieces.length > 0) tokens += piece.tokens;
      pieces.push(piece);
    }
    yield undefined;
  }
}

/** The candidate pieces of a passage, which starts with the first one. */
interface Packing {
  readonly pieces: readonly Piece[];
  readonly sizes: ChunkSizes;
  /** Prefix sums of tokens. The list stops when the sum exceeds any possible passage. */
  readonly tokenSums: readonly number[];
}

function createPacking(pieces: readonly Piece[], sizes: ChunkSizes): Packing {
  const tokenSums = [0];
  for (const [index, piece] of pieces.entries()) {
    const sum = tokenSums[index] as number;
    if (sum > 2 * sizes.maxTokens) break;
    tokenSums.push(sum + (index === 0 ? piece.trimmedTokens() : piece.tokens));
  }
  return { pieces, sizes, tokenSums };
}

/** The end of the passage: the last cut of the best kind among those that add at least half of the tokens that would fit. */
function endOf(packing: Packing, overlapping: number): number {
  const { pieces, sizes } = packing;
  let end = overlapping + 1;
  while (end < pieces.length && !pieces[end]?.isAfterWideGap && tokensBetween(packing, 0, end + 1) <= sizes.maxTokens)
    end++;
  if (end === pieces.length) return end;
  const minTokens = tokensBetween(packing, overlapping, end) / 2;
  let best = end;
  for (let at = end - 1; at > overlapping && tokensBetween(packing, overlapping, at) >= minTokens; at--)
    if (cutAfter(packing, at) > cutAfter(packing, best)) best = at;
  return best;
}

/**
 * The start of the next passage. It starts as early as `overlap` allows while the next piece still fits, or at a better cut
 * that repeats at least half as many tokens.
 */
function nextStart(packing: Packing, end: number): number {
  const { pieces, sizes } = packing;
  const { maxTokens, overlap } = sizes;
  const next = pieces[end];
  if (!next || next.isAfterWideGap || overlap === 0) return end;
  const fits = (start: number) =>
    tokensBetween(packing, start, end) <= overlap && tokensBetween(packing, start, end + 1) <= maxTokens;
  let earliest = end;
  while (earliest > 1 && !pieces[earliest]?.isAfterWideGap && fits(earliest - 1)) earliest--;
  let start = earliest;
  const maxOverlap = tokensBetween(packing, earliest, end);
  for (let at = earliest + 1; at < end && tokensBetween(packing, at, end) >= maxOverlap / 2; at++)
    if (cutAfter(packing, at) > cutAfter(packing, start)) start = at;
  // Without its leading white space the first piece may have more tokens.
  const fitsTrimmed = (at: number) =>
    trimmedTokensBetween(packing, at, end) <= overlap && trimmedTokensBetween(packing, at, end + 1) <= maxTokens;
  while (start < end && !fitsTrimmed(start)) start++;
  return start;
}

function tokensBetween({ tokenSums }: Packing, first: number, end: number): number {
  return (tokenSums[end] ?? Number.POSITIVE_INFINITY) - (tokenSums[first] ?? 0);
}

function trimmedTokensBetween(packing: Packing, first: number, end: number): number {
  return tokensBetween(packing, first + 1, end) + (packing.pieces[first]?.trimmedTokens() ?? 0);
}

function cutAfter({ pieces }: Packing, end: number): number {
  return pieces[end - 1]?.cut ?? 0;
}
