import type { ChunkSizes } from "../collection/chunking.ts";
import type { Piece } from "./pieces.ts";

/** A passage's place in its text, in UTF-16 code units. */
export interface ChunkRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Packs the pieces of a text of `length` UTF-16 code units into passages that together are the whole text. Yields
 * undefined each time some of the text has been read, so that whoever packs can let others work.
 */
export function* packPieces(
  length: number,
  source: Iterator<readonly Piece[], void>,
  sizes: ChunkSizes,
): Generator<ChunkRange | undefined> {
  const pieces: Piece[] = []; // from the first one of the passage at hand
  let start = 0;
  let covered = 0; // of these, those that the passage before has, too
  for (;;) {
    yield* readAhead(pieces, source, sizes);
    if (covered >= pieces.length) return;
    const packing = packingOf(pieces, sizes);
    const end = endOf(packing, covered);
    yield { start, end: pieces[end]?.start ?? length };
    const first = nextStart(packing, end);
    covered = end - first;
    start = pieces[first]?.start ?? length;
    pieces.splice(0, first);
  }
}

/** Reads pieces until they are more than a passage holds, or there are no more. */
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

/** The pieces that a passage could have: it begins with the first. */
interface Packing {
  readonly pieces: readonly Piece[];
  readonly sizes: ChunkSizes;
  /** Tokens of the pieces before each; none where they are too many for a passage anyway. */
  readonly before: readonly number[];
}

function packingOf(pieces: readonly Piece[], sizes: ChunkSizes): Packing {
  const before = [0];
  for (const [index, piece] of pieces.entries()) {
    const sum = before[index] as number;
    if (sum > 2 * sizes.maxTokens) break;
    before.push(sum + (index === 0 ? piece.bare() : piece.tokens));
  }
  return { pieces, sizes, before };
}

/** Where the passage ends: of the ends that bring at least half of what would fit, the latest of the best kind. */
function endOf(packing: Packing, covered: number): number {
  const { pieces, sizes } = packing;
  let end = covered + 1;
  while (end < pieces.length && !pieces[end]?.apart && between(packing, 0, end + 1) <= sizes.maxTokens) end++;
  if (end === pieces.length) return end;
  const enough = between(packing, covered, end) / 2;
  let best = end;
  for (let at = end - 1; at > covered && between(packing, covered, at) >= enough; at--)
    if (cutAfter(packing, at) > cutAfter(packing, best)) best = at;
  return best;
}

/**
 * Where the next passage begins: as far back as `overlap` allows and the next piece still fits, from there on at the
 * best cut that repeats at least half as much.
 */
function nextStart(packing: Packing, end: number): number {
  const { pieces, sizes } = packing;
  const { maxTokens, overlap } = sizes;
  const next = pieces[end];
  if (!next || next.apart || overlap === 0) return end;
  const fits = (start: number) =>
    between(packing, start, end) <= overlap && between(packing, start, end + 1) <= maxTokens;
  let earliest = end;
  while (earliest > 1 && !pieces[earliest]?.apart && fits(earliest - 1)) earliest--;
  let start = earliest;
  const most = between(packing, earliest, end);
  for (let at = earliest + 1; at < end && between(packing, at, end) >= most / 2; at++)
    if (cutAfter(packing, at) > cutAfter(packing, start)) start = at;
  // Without the white space before it the first piece may have more tokens.
  const fitsBare = (at: number) =>
    bareTokens(packing, at, end) <= overlap && bareTokens(packing, at, end + 1) <= maxTokens;
  while (start < end && !fitsBare(start)) start++;
  return start;
}

function between({ before }: Packing, first: number, end: number): number {
  return (before[end] ?? Number.POSITIVE_INFINITY) - (before[first] ?? 0);
}

function bareTokens(packing: Packing, first: number, end: number): number {
  return between(packing, first + 1, end) + (packing.pieces[first]?.bare() ?? 0);
}

function cutAfter({ pieces }: Packing, end: number): number {
  return pieces[end - 1]?.cut ?? 0;
}
