import { AppError } from "../error.ts";
import { nextTurn } from "../turn.ts";
import { countInSlices, loadTokenizer, tokenUpperBound } from "./tokens.ts";

export interface BatchLimits {
  /** Maximum texts per request. */
  readonly maxInputs: number;
  /** Maximum tokens per request. */
  readonly maxTokens: number;
}

export interface Batch {
  /** Index of its first text among all texts. */
  readonly offset: number;
  readonly texts: readonly string[];
}

/** Characters whose tokens are counted in one time slice: about 5 ms. */
const MAX_SLICE_LENGTH = 100_000;

/**
 * The texts divided into requests, in order. If the bytes of all texts fit into one request, they serve as an upper bound
 * of the tokens. Bytes are three or four times as many, so otherwise the tokens are counted.
 */
export async function planBatches(texts: readonly string[], limits: BatchLimits): Promise<readonly Batch[]> {
  const weights = await countWeights(texts, limits.maxTokens);
  const batches: Batch[] = [];
  let offset = 0;
  let tokens = 0;
  for (const [index, weight] of weights.entries()) {
    const isFull = index - offset === limits.maxInputs || tokens + weight > limits.maxTokens;
    if (isFull && index > offset) {
      batches.push({ offset, texts: texts.slice(offset, index) });
      offset = index;
      tokens = 0;
    }
    tokens += weight;
  }
  if (offset < texts.length) batches.push({ offset, texts: texts.slice(offset) });
  return batches;
}

async function countWeights(texts: readonly string[], maxTokens: number): Promise<readonly number[]> {
  const bounds = texts.map(tokenUpperBound);
  return bounds.reduce((sum, bound) => sum + bound, 0) <= maxTokens ? bounds : countTextTokens(texts);
}

/** The number of tokens of each text. The work runs in time slices. */
export async function countTextTokens(texts: readonly string[]): Promise<readonly number[]> {
  const count = await loadTokenizer();
  const tokens: number[] = [];
  let sliceLength = 0;
  for (const text of texts) {
    let sum = 0;
    for (let at = 0; at < text.length; at += MAX_SLICE_LENGTH) {
      const part = text.slice(at, at + MAX_SLICE_LENGTH); // a cut adds at most one token
      sum += countInSlices(count, part);
      sliceLength += part.length;
      if (sliceLength < MAX_SLICE_LENGTH) continue;
      sliceLength = 0;
      await nextTurn();
    }
    tokens.push(sum);
  }
  return tokens;
}

/** The texts that cannot be sent, by index, with the reason: they are empty or have more than `maxTokens` tokens. */
export async function findUnembeddable(
  texts: readonly string[],
  maxTokens: number,
): Promise<ReadonlyMap<number, AppError>> {
  const faults = new Map<number, AppError>();
  const reject = (index: number, message: string) =>
    faults.set(index, new AppError("invalid_input", message, { path: `texts[${index}]` }));
  for (const [index, text] of texts.entries()) {
    if (text === "") reject(index, "The text cannot be embedded: it is empty.");
    if (tokenUpperBound(text) <= maxTokens) continue;
    const [tokens = 0] = await countTextTokens([text]);
    if (tokens > maxTokens)
      reject(
        index,
        `The text cannot be embedded: it has ${tokens} tokens, and the model reads at most ${maxTokens}. Split it.`,
      );
  }
  return faults;
}
