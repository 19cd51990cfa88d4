import { AppError } from "../error.ts";
import { countInSlices, loadTokenizer, tokenBound } from "./tokens.ts";

export interface BatchLimits {
  /** Texts a request at most. */
  readonly maxInputs: number;
  /** Tokens a request at most. */
  readonly maxTokens: number;
}

export interface Batch {
  /** Place of its first text among all. */
  readonly offset: number;
  readonly texts: readonly string[];
}

/**
 * Divides texts into requests, in order. Bytes stand for tokens where all fit by that safe bound; they are three or
 * four times as many, so where they do not, the tokens themselves are counted.
 */
export async function planBatches(texts: readonly string[], limits: BatchLimits): Promise<readonly Batch[]> {
  const weights = await weigh(texts, limits.maxTokens);
  const batches: Batch[] = [];
  let offset = 0;
  let tokens = 0;
  for (const [index, weight] of weights.entries()) {
    const full = index - offset === limits.maxInputs || tokens + weight > limits.maxTokens;
    if (full && index > offset) {
      batches.push({ offset, texts: texts.slice(offset, index) });
      offset = index;
      tokens = 0;
    }
    tokens += weight;
  }
  if (offset < texts.length) batches.push({ offset, texts: texts.slice(offset) });
  return batches;
}

async function weigh(texts: readonly string[], enough: number): Promise<readonly number[]> {
  const bounds = texts.map(tokenBound);
  if (bounds.reduce((sum, bound) => sum + bound, 0) <= enough) return bounds;
  const count = await loadTokenizer();
  return texts.map((text) => countInSlices(count, text));
}

/** Throws `invalid_input` at the first text that is empty or has more than `maxTokens` tokens, with its path. */
export async function assertEmbeddable(texts: readonly string[], maxTokens: number): Promise<void> {
  for (const [index, text] of texts.entries()) {
    const path = `texts[${index}]`;
    if (text === "") throw new AppError("invalid_input", "An empty text cannot be embedded.", { path });
    if (tokenBound(text) <= maxTokens) continue;
    const tokens = countInSlices(await loadTokenizer(), text);
    if (tokens <= maxTokens) continue;
    throw new AppError(
      "invalid_input",
      `A text of ${tokens} tokens cannot be embedded: the model reads ${maxTokens} at most. Split it.`,
      { path },
    );
  }
}
