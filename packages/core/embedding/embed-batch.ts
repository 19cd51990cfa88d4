import { AppError } from "../error.ts";
import { type Fault, FaultError } from "./retry.ts";

/** Maximum failed requests for several texts in one call. They serve to find the failing texts. */
const MAX_FAILURES = 256;

/** Attempts for a part of a failed batch. The batch itself has already been retried. */
const PART_ATTEMPTS = 2;

/** The state of one call. Texts are identified by their indexes. */
export interface EmbeddingCall {
  /** Attempts for a batch. */
  readonly attempts: number;
  /** The result of each text so far. */
  readonly results: Map<number, Float32Array | AppError>;
  /** Maximum texts per request that the server accepts, as far as is known. */
  readonly maxInputs: () => number;
  readonly learnMaxInputs: (inputs: number) => void;
  /**
   * Sends texts and stores their vectors in `results`, also if it throws. Throws a FaultError if a vector is missing;
   * other errors pass through.
   */
  readonly send: (indexes: readonly number[], attempts: number) => Promise<void>;
  /** Changes the request format after this fault if possible. Returns whether the same texts can be sent again. */
  readonly adapt: (fault: Fault) => boolean;
  /** Checks that the server embeds a plain word. True: the request format changed, and the same texts can be sent again. */
  readonly probe: () => Promise<boolean>;
  /** Failed requests for more than one text so far. */
  failures: number;
  /** Whether the server has embedded a text since this batch started. */
  hasSucceeded: boolean;
}

interface Part {
  readonly indexes: readonly number[];
  readonly attempts: number;
}

/**
 * Embeds a batch. If the server rejects it or keeps failing, smaller parts are sent until the failing texts are found.
 * `results` then holds the reason for those and the vectors of the others. A limit on the number of texts is learned at
 * the same time. Errors that the texts do not cause are thrown.
 */
export async function embedBatch(batch: readonly number[], call: EmbeddingCall): Promise<void> {
  const parts: Part[] = [{ indexes: batch, attempts: call.attempts }];
  call.hasSucceeded = false;
  let hasRejection = false;
  let hasTextError = false;
  let largestAccepted = 0;
  for (let part = parts.pop(); part; part = parts.pop()) {
    const { indexes } = part;
    const limit = call.maxInputs();
    if (indexes.length > limit) {
      parts.push(...splitBySize(part, limit));
      continue;
    }
    const error = await trySend(part, call);
    if (!error) {
      largestAccepted = Math.max(largestAccepted, indexes.length);
      continue;
    }
    if (call.adapt(error.fault) || (await confirmServerWorks(error, indexes, call))) {
      parts.push(part);
      continue;
    }
    const pending = indexes.filter((index) => !call.results.has(index));
    hasRejection ||= pending.length > 1 && pending.length === indexes.length;
    hasTextError ||= indexes.length === 1;
    if (indexes.length === 1) call.results.set(indexes[0] as number, toTextError(error));
    else if (++call.failures > MAX_FAILURES) failRemaining(pending, error, call);
    else parts.push(...splitFailed(pending, indexes, error.fault));
  }
  if (hasRejection && !hasTextError && largestAccepted > 0) call.learnMaxInputs(largestAccepted);
}

/** The fault that the texts may cause; undefined: all texts have their vectors. */
async function trySend({ indexes, attempts }: Part, call: EmbeddingCall): Promise<FaultError | undefined> {
  try {
    await call.send(indexes, attempts);
    call.hasSucceeded = true;
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError) || !error.fault.inputFault) throw error;
    call.hasSucceeded ||= indexes.some((index) => call.results.has(index));
    return error;
  }
}

/**
 * Checks with one request that the server works at all, instead of sending every text to a failing server. Before a
 * failure is attributed to a single text, the check is repeated, because the server may have failed in the meantime.
 * Returns whether the same texts can be sent again in another format.
 */
async function confirmServerWorks(
  error: FaultError,
  indexes: readonly number[],
  call: EmbeddingCall,
): Promise<boolean> {
  const isLastSuspect = indexes.length === 1 && error.fault.inputFault === "failed";
  if (call.hasSucceeded && !isLastSuspect) return false;
  try {
    const adapted = await call.probe();
    call.hasSucceeded = true;
    return adapted;
  } catch (cause) {
    throw cause instanceof FaultError && cause.fault.inputFault ? error : cause;
  }
}

/** The parts to send after a failure, last part first, because parts are taken from the end. */
function splitFailed(pending: readonly number[], sent: readonly number[], fault: Fault): readonly Part[] {
  const part = { indexes: pending, attempts: PART_ATTEMPTS };
  if (pending.length < sent.length) return [part];
  return splitBySize(part, parseLimit(fault, pending.length) ?? Math.ceil(pending.length / 2));
}

function splitBySize({ indexes, attempts }: Part, size: number): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < indexes.length; at += size) parts.unshift({ indexes: indexes.slice(at, at + size), attempts });
  return parts;
}

/** The limit in a rejection such as "batch size 64 > maximum allowed batch size 32" or "should not be larger than 10". */
function parseLimit({ inputFault, serverMessage: message = "" }: Fault, sent: number): number | undefined {
  if (inputFault !== "rejected" || !/batch|inputs?\b|array|list|items|contents/i.test(message)) return undefined;
  const numbers = Array.from(message.matchAll(/(?<![\w.])\d{1,5}(?![\w]|\.\d)/g), ([number]) => Number(number));
  const candidates = numbers.filter((number) => number > 0 && number < sent);
  return candidates.length > 0 ? Math.max(...candidates) : undefined;
}

function toTextError({ fault, message }: FaultError): AppError {
  const { cause, inputFault } = fault;
  const [code, verb] = inputFault === "rejected" ? ["invalid_input" as const, "accepts"] : [fault.code, "embeds"];
  const advice = `The server ${verb} other texts: shorten, split or change this one.`;
  return new AppError(code, `${message} ${advice}`, { cause });
}

function failRemaining(pending: readonly number[], { fault, message }: FaultError, { results }: EmbeddingCall): void {
  const reason = new AppError(
    "embedding_failed",
    `${message} The failing texts among ${pending.length} were not found in ${MAX_FAILURES} requests. Send fewer texts per request.`,
    { cause: fault.cause },
  );
  for (const index of pending) results.set(index, reason);
}
