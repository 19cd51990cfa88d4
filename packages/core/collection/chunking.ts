import { AppError } from "../error.ts";

/** How long texts are split into passages, in tokens as OpenAI's embedding models count them (cl100k_base). */
export interface ChunkSizes {
  /** Tokens of a passage at most, 16 to 8,000. */
  readonly maxTokens: number;
  /** Tokens that a passage repeats of the one before at most, 0 to half of `maxTokens`. */
  readonly overlap: number;
}

/** What a collection sets of them; the rest is by default. */
export type ChunkSettings = Partial<ChunkSizes>;

/** As OpenAI's vector stores have them. */
export const CHUNK_DEFAULTS: ChunkSizes = { maxTokens: 800, overlap: 400 };

const MIN_TOKENS = 16;
const MAX_TOKENS = 8_000;

/**
 * The sizes in force: the defaults, or half of `maxTokens` where the default overlap is more; `settings` where they are
 * given; and never more than the model reads, `limit` tokens of a text (undefined: not known).
 */
export function chunkSizes(settings: ChunkSettings, limit?: number): ChunkSizes {
  const most = Math.max(MIN_TOKENS, limit ?? MAX_TOKENS);
  const maxTokens = Math.min(settings.maxTokens ?? CHUNK_DEFAULTS.maxTokens, most);
  const overlap = Math.min(settings.overlap ?? CHUNK_DEFAULTS.overlap, Math.floor(maxTokens / 2));
  return { maxTokens, overlap };
}

/**
 * The sizes for texts that are written with `given`, which may leave out either, into a collection with `settings`.
 * Throws `invalid_input` where they do not fit one another or the model.
 */
export function ingestSizes(given: ChunkSettings, settings: ChunkSettings, limit?: number): ChunkSizes {
  const { maxTokens = chunkSizes(settings, limit).maxTokens } = given;
  const { overlap = chunkSizes({ ...settings, maxTokens }, limit).overlap } = given;
  assertSizes({ maxTokens, overlap }, { limit });
  return { maxTokens, overlap };
}

/** Throws `invalid_input` for settings that cannot be used with a model that reads `limit` tokens of a text. */
export function validateChunking(settings: ChunkSettings, limit?: number): void {
  const unknown = Object.keys(settings).find((key) => key !== "maxTokens" && key !== "overlap");
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `There is no chunking setting ${JSON.stringify(unknown)}: there are maxTokens and overlap.`,
      { path: `chunking.${unknown}` },
    );
  const { maxTokens = chunkSizes({}, limit).maxTokens } = settings;
  const { overlap = chunkSizes({ maxTokens }, limit).overlap } = settings;
  assertSizes({ maxTokens, overlap }, { limit, path: "chunking." });
}

/** Throws `invalid_input` for sizes that no text can be split by. */
export function assertSizes(
  { maxTokens, overlap }: ChunkSizes,
  { limit, path = "" }: { readonly limit?: number; readonly path?: string } = {},
): void {
  if (!Number.isInteger(maxTokens) || maxTokens < MIN_TOKENS || maxTokens > MAX_TOKENS)
    throw new AppError(
      "invalid_input",
      `A passage must have a whole number of tokens from ${MIN_TOKENS} to ${MAX_TOKENS.toLocaleString("en")} at most, not ${maxTokens}.`,
      { path: `${path}maxTokens` },
    );
  if (limit !== undefined && maxTokens > Math.max(MIN_TOKENS, limit))
    throw new AppError(
      "invalid_input",
      `Passages of ${maxTokens} tokens cannot be embedded whole: the collection's model reads ${limit} tokens of a text. Give maxTokens ${limit} or less.`,
      { path: `${path}maxTokens` },
    );
  if (!Number.isInteger(overlap) || overlap < 0 || overlap > maxTokens / 2)
    throw new AppError(
      "invalid_input",
      `Passages of ${maxTokens} tokens overlap by a whole number of tokens from 0 to ${Math.floor(maxTokens / 2)} (half a passage), not ${overlap}.`,
      { path: `${path}overlap` },
    );
}
