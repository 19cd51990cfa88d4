import { assertSizes, CHUNK_DEFAULTS, type ChunkSizes } from "../collection/chunking.ts";
import { loadTokenizer, tokenUpperBound } from "../embedding/tokens.ts";
import { nextTurn } from "../turn.ts";
import { type ChunkRange, packPieces } from "./pack.ts";
import { dividePieces } from "./pieces.ts";

export interface ChunkOptions extends Partial<ChunkSizes> {
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/**
 * Splits a text into passages that end, and begin again, at paragraphs and sentences where there are any, else between
 * words, else between characters. Together they are the whole text: each begins where the one before ends, or earlier
 * by the overlap, and the white space between two belongs to the first. A text that fits into one passage is that
 * passage, unchanged; a blank text has none. `maxTokens` counts a passage without the white space at its ends.
 * Works in slices of about a millisecond, between which the process does other work. Throws `invalid_input`, and the
 * signal's reason.
 */
export async function chunkText(text: string, options: ChunkOptions = {}): Promise<readonly string[]> {
  const ranges = await chunkRanges(text, options);
  return ranges.map(({ start, end }) => text.slice(start, end));
}

/** Where the passages of `chunkText` lie. */
export async function chunkRanges(text: string, options: ChunkOptions = {}): Promise<readonly ChunkRange[]> {
  const { maxTokens = CHUNK_DEFAULTS.maxTokens, signal } = options;
  const { overlap = Math.min(CHUNK_DEFAULTS.overlap, Math.floor(maxTokens / 2)) } = options;
  assertSizes({ maxTokens, overlap });
  if (text.trim() === "") return [];
  if (tokenUpperBound(text) <= maxTokens) return [{ start: 0, end: text.length }]; // nothing is loaded for it
  const count = await loadTokenizer();
  const pieces = dividePieces(text, Math.max(4, Math.floor(maxTokens / 8)), count);
  const ranges: ChunkRange[] = [];
  for (const range of packPieces(text.length, pieces, { maxTokens, overlap })) {
    if (range) {
      ranges.push(range);
      continue;
    }
    await nextTurn();
    signal?.throwIfAborted();
  }
  return ranges;
}
