import { assertSizes, CHUNK_DEFAULTS } from "../collection/chunking.ts";
import type { ChunkSizes } from "../database/collection-settings.ts";
import { loadTokenizer, tokenUpperBound } from "../embedding/tokens.ts";
import { nextTurn } from "../turn.ts";
import { type ChunkRange, packPieces } from "./pack.ts";
import { dividePieces } from "./pieces.ts";

export interface ChunkOptions extends Partial<ChunkSizes> {
  /** Cancels the work. */
  readonly signal?: AbortSignal;
}

/**
 * The passages of a text. They start and end at paragraphs and sentences if possible, otherwise between words, otherwise
 * between characters. Together they cover the complete text: each starts where the previous one ends, or earlier by the
 * overlap, and white space between two passages belongs to the first. A text that fits into one passage is returned
 * unchanged; a blank text has no passages. `maxTokens` does not count white space at the ends of a passage.
 * Runs in time slices of about a millisecond. Throws `invalid_input` and the signal's reason.
 */
export async function chunkText(text: string, options: ChunkOptions = {}): Promise<readonly string[]> {
  const ranges = await chunkRanges(text, options);
  return ranges.map(({ start, end }) => text.slice(start, end));
}

/** The ranges of the passages of `chunkText`. */
export async function chunkRanges(text: string, options: ChunkOptions = {}): Promise<readonly ChunkRange[]> {
  const { maxTokens = CHUNK_DEFAULTS.maxTokens, signal } = options;
  const { overlap = Math.min(CHUNK_DEFAULTS.overlap, Math.floor(maxTokens / 2)) } = options;
  assertSizes({ maxTokens, overlap });
  if (text.trim() === "") return [];
  if (tokenUpperBound(text) <= maxTokens) return [{ start: 0, end: text.length }]; // without loading the tokenizer
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
