import { type CountTokens, loadTokenizer, tokenBound } from "../embedding/tokens.ts";
import { AppError } from "../error.ts";
import { dividePieces, type Piece } from "./pieces.ts";

export interface ChunkOptions {
  /** Tokens a passage at most, as OpenAI's embedding models count (cl100k_base); at least 16. Default 800. */
  readonly maxTokens?: number;
  /** Tokens that a passage repeats of the one before, at most; up to half of `maxTokens`. Default 400, or that half. */
  readonly overlap?: number;
}

/** A passage's place in its text, in UTF-16 units. */
export interface ChunkRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Splits a text into passages that end, and begin again, at paragraphs and sentences where there are any, else between
 * words, else between characters. A text that fits into one passage is that passage, unchanged; of a longer one all
 * but white space is in some passage, in order. A blank text has none. Throws `invalid_input`.
 */
export async function chunkText(text: string, options: ChunkOptions = {}): Promise<readonly string[]> {
  const ranges = await chunkRanges(text, options);
  return ranges.map(({ start, end }) => text.slice(start, end));
}

/** Where the passages of `chunkText` lie. */
export async function chunkRanges(text: string, options: ChunkOptions = {}): Promise<readonly ChunkRange[]> {
  const { maxTokens = 800 } = options;
  const { overlap = Math.min(400, Math.floor(maxTokens / 2)) } = options;
  assertSizes(maxTokens, overlap);
  const trimmed = text.trim();
  if (trimmed === "") return [];
  const whole = [{ start: 0, end: text.length }];
  if (tokenBound(text) <= maxTokens) return whole; // nothing is loaded for it
  const count = await loadTokenizer();
  const pieces = dividePieces(text, Math.max(4, Math.floor(maxTokens / 8)), count);
  const ranges = [...pack(text, pieces, { maxTokens, overlap, count })];
  const fits = ranges.length === 1 && text.length - trimmed.length < 200 && count(text) <= maxTokens;
  return fits ? whole : ranges;
}

function assertSizes(maxTokens: number, overlap: number): void {
  if (!Number.isInteger(maxTokens) || maxTokens < 16)
    throw new AppError("invalid_input", `A passage has 16 tokens or more, not ${maxTokens}.`, {
      path: "maxTokens",
    });
  if (!Number.isInteger(overlap) || overlap < 0 || overlap > maxTokens / 2)
    throw new AppError(
      "invalid_input",
      `Passages overlap by 0 to ${maxTokens / 2} tokens (half a passage), not ${overlap}.`,
      {
        path: "overlap",
      },
    );
}

interface Packing {
  readonly maxTokens: number;
  readonly overlap: number;
  readonly count: CountTokens;
}

function* pack(text: string, pieces: readonly Piece[], packing: Packing): Generator<ChunkRange> {
  const before = [0]; // tokens of all pieces before each
  for (const { tokens } of pieces) before.push((before.at(-1) as number) + tokens);
  const between = (first: number, end: number) => (before[end] as number) - (before[first] as number);
  const range = (first: number, end: number) => ({
    start: pieces[first]?.start ?? 0,
    end: pieces[end - 1]?.end ?? 0,
  });
  const slice = (first: number, end: number) => text.slice(range(first, end).start, range(first, end).end);
  let first = 0;
  let covered = 0; // pieces that are in some passage
  while (covered < pieces.length) {
    let end = covered + 1;
    while (end < pieces.length && !pieces[end]?.apart && between(first, end + 1) <= packing.maxTokens) end++;
    end = bestEnd(pieces, between, { covered, end });
    // Sums are off by a few tokens, since a cut may part what the tokenizer joins: the count decides.
    while (end > covered + 1 && packing.count(slice(first, end)) > packing.maxTokens) end--;
    yield range(first, end);
    covered = end;
    first = nextStart(pieces, { between, slice, first, end, ...packing });
  }
}

type Between = (first: number, end: number) => number;

/** Of the ends that bring at least half of what would fit, the latest of the best kind. */
function bestEnd(
  pieces: readonly Piece[],
  between: Between,
  { covered, end }: { readonly covered: number; readonly end: number },
): number {
  if (end === pieces.length) return end;
  const enough = between(covered, end) / 2;
  let best = end;
  for (let at = end - 1; at > covered && between(covered, at) >= enough; at--)
    if (cutAfter(pieces, at) > cutAfter(pieces, best)) best = at;
  return best;
}

interface Passage extends Packing {
  readonly between: Between;
  readonly slice: (first: number, end: number) => string;
  readonly first: number;
  readonly end: number;
}

/**
 * Where the next passage begins: as far back as `overlap` allows and the next piece still fits, from there on at the
 * best cut that repeats at least half as much.
 */
function nextStart(
  pieces: readonly Piece[],
  { between, slice, first, end, maxTokens, overlap, count }: Passage,
): number {
  const next = pieces[end];
  if (!next || next.apart || overlap === 0) return end;
  const fits = (start: number) => between(start, end) <= overlap && between(start, end + 1) <= maxTokens;
  let earliest = end;
  while (earliest - 1 > first && !pieces[earliest]?.apart && fits(earliest - 1)) earliest--;
  let start = earliest;
  for (let at = earliest + 1; at < end && between(at, end) >= between(earliest, end) / 2; at++)
    if (cutAfter(pieces, at) > cutAfter(pieces, start)) start = at;
  while (start < end && (count(slice(start, end)) > overlap || count(slice(start, end + 1)) > maxTokens))
    start++;
  return start;
}

function cutAfter(pieces: readonly Piece[], end: number): number {
  return pieces[end - 1]?.cut ?? 0;
}
