import { AppError } from "../error.ts";
import { nextTurn } from "../turn.ts";
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

/** Characters whose tokens are counted between two turns of the event loop: some 5 ms. */
const TURN = 100_000;

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
  return bounds.reduce((sum, bound) => sum + bound, 0) <= enough ? bounds : countTokensOf(texts);
}

/** The tokens of each text, counted without holding up the event loop for long. */
export async function countTokensOf(texts: readonly string[]): Promise<readonly number[]> {
  const count = await loadTokenizer();
  const tokens: number[] = [];
  let since = 0;
  for (const text of texts) {
    let sum = 0;
    for (let at = 0; at < text.length; at += TURN) {
      const part = text.slice(at, at + TURN); // a cut makes it a token more at most
      sum += countInSlices(count, part);
      since += part.length;
      if (since < TURN) continue;
      since = 0;
      await nextTurn();
    }
    tokens.push(sum);
  }
  return tokens;
}

/** Why texts cannot be sent, by their places: those that are empty or have more than `maxTokens` tokens. */
export async function findUnembeddable(
  texts: readonly string[],
  maxTokens: number,
): Promise<ReadonlyMap<number, AppError>> {
  const faults = new Map<number, AppError>();
  const refuse = (index: number, message: string) =>
    faults.set(index, new AppError("invalid_input", message, { path: `texts[${index}]` }));
  for (const [index, text] of texts.entries()) {
    if (text === "") refuse(index, "An empty text cannot be embedded.");
    if (tokenBound(text) <= maxTokens) continue;
    const [tokens = 0] = await countTokensOf([text]);
    if (tokens > maxTokens)
      refuse(
        index,
        `A text of ${tokens} tokens cannot be embedded: the model reads ${maxTokens} at most. Split it.`,
      );
  }
  return faults;
}
