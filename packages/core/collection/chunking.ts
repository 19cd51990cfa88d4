import type { ChunkSettings, ChunkSizes } from "../database/collection-settings.ts";
import { AppError } from "../error.ts";

/** The defaults of OpenAI's vector stores. */
export const CHUNK_DEFAULTS: ChunkSizes = { maxTokens: 800, overlap: 400 };

const MIN_TOKENS = 16;
const MAX_TOKENS = 8_000;

/**
 * The sizes that apply: `settings`, or the defaults. The overlap is at most half of `maxTokens`. A passage never exceeds
 * `limit`, the tokens of a text that the model reads (undefined: unknown).
 */
export function chunkSizes(settings: ChunkSettings, limit?: number): ChunkSizes {
  const max = Math.max(MIN_TOKENS, limit ?? MAX_TOKENS);
  const maxTokens = Math.min(settings.maxTokens ?? CHUNK_DEFAULTS.maxTokens, max);
  const overlap = Math.min(settings.overlap ?? CHUNK_DEFAULTS.overlap, Math.floor(maxTokens / 2));
  return { maxTokens, overlap };
}

/**
 * The sizes for an ingest that requests `requested` (either size may be missing) of a collection with `settings`.
 * Throws `invalid_input` if they do not fit each other or the model.
 */
export function ingestSizes(requested: ChunkSettings, settings: ChunkSettings, limit?: number): ChunkSizes {
  const { maxTokens = chunkSizes(settings, limit).maxTokens } = requested;
  const { overlap = chunkSizes({ ...settings, maxTokens }, limit).overlap } = requested;
  assertSizes({ maxTokens, overlap }, { limit });
  return { maxTokens, overlap };
}

/** Throws `invalid_input` for settings that cannot be used with a model that reads `limit` tokens of a text. */
export function validateChunking(settings: ChunkSettings, limit?: number): void {
  const unknown = Object.keys(settings).find((key) => key !== "maxTokens" && key !== "overlap");
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `The chunking settings are not valid: ${JSON.stringify(unknown)} is unknown. Use maxTokens and overlap.`,
      { path: `chunking.${unknown}` },
    );
  const { maxTokens = chunkSizes({}, limit).maxTokens } = settings;
  const { overlap = chunkSizes({ maxTokens }, limit).overlap } = settings;
  assertSizes({ maxTokens, overlap }, { limit, path: "chunking." });
}

/** Throws `invalid_input` for sizes that cannot be used to split a text. */
export function assertSizes(
  { maxTokens, overlap }: ChunkSizes,
  { limit, path = "" }: { readonly limit?: number; readonly path?: string } = {},
): void {
  if (!Number.isInteger(maxTokens) || maxTokens < MIN_TOKENS || maxTokens > MAX_TOKENS)
    throw new AppError(
      "invalid_input",
      `maxTokens must be a whole number from ${MIN_TOKENS} to ${MAX_TOKENS.toLocaleString("en")}, not ${maxTokens}.`,
      { path: `${path}maxTokens` },
    );
  if (limit !== undefined && maxTokens > Math.max(MIN_TOKENS, limit))
    throw new AppError(
      "invalid_input",
      `Passages of ${maxTokens} tokens cannot be embedded completely: the collection's model reads ${limit} tokens of a text. Set maxTokens to ${limit} or less.`,
      { path: `${path}maxTokens` },
    );
  if (!Number.isInteger(overlap) || overlap < 0 || overlap > maxTokens / 2)
    throw new AppError(
      "invalid_input",
      `overlap must be a whole number from 0 to ${Math.floor(maxTokens / 2)} (half of maxTokens), not ${overlap}.`,
      { path: `${path}overlap` },
    );
}
