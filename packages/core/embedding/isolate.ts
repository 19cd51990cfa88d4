import { AppError } from "../error.ts";
import { type Fault, FaultError } from "./retry.ts";

/** Failed requests for more than one text that a call makes at most, to find the texts at fault. */
const MAX_FAILURES = 256;

/** Attempts for a part of a batch that failed: the batch itself has been tried often enough. */
const PART_ATTEMPTS = 2;

/** One call's texts on their way, by their places. */
export interface Sending {
  /** Attempts for a batch. */
  readonly attempts: number;
  /** What each text came to, as far as it is known. */
  readonly results: Map<number, Float32Array | AppError>;
  /** Texts a request at most, as far as it is known. */
  readonly maxInputs: () => number;
  readonly learnMaxInputs: (inputs: number) => void;
  /**
   * Sends texts and puts their vectors into `results`, also where it then throws: a FaultError while any is missing,
   * others as they are.
   */
  readonly send: (places: readonly number[], attempts: number) => Promise<void>;
  /** Whether the same texts may be sent again in another way after this fault. */
  readonly adapt: (fault: Fault) => boolean;
  /** Makes sure that the server embeds a plain word; true: the same texts may be sent again in another way. */
  readonly probe: () => Promise<boolean>;
  /** Failed requests for more than one text so far. */
  failures: number;
  /** Whether the server has embedded anything since this batch was begun. */
  proven: boolean;
}

interface Part {
  readonly places: readonly number[];
  readonly attempts: number;
}

/**
 * Embeds a batch. Where the server refuses it, or keeps failing at it, parts of it are sent until the texts at fault
 * are found: those get the reason in `results`, the others their vectors. A limit on the number of texts is learned on
 * the way. What does not lie in the texts is thrown.
 */
export async function sendIsolating(batch: readonly number[], sending: Sending): Promise<void> {
  const parts: Part[] = [{ places: batch, attempts: sending.attempts }];
  sending.proven = false;
  let refused = false;
  let blamed = false;
  let taken = 0;
  for (let part = parts.pop(); part; part = parts.pop()) {
    const { places, attempts } = part;
    const most = sending.maxInputs();
    if (places.length > most) {
      parts.push(...cut(places, most).map((some) => ({ places: some, attempts })));
      continue;
    }
    const error = await trySend(part, sending);
    if (!error) {
      taken = Math.max(taken, places.length);
      continue;
    }
    if (sending.adapt(error.fault) || (await prove(error, places, sending))) {
      parts.push(part);
      continue;
    }
    const left = places.filter((place) => !sending.results.has(place));
    refused ||= left.length > 1 && left.length === places.length;
    blamed ||= places.length === 1;
    if (places.length === 1) sending.results.set(places[0] as number, blame(error));
    else if (++sending.failures > MAX_FAILURES) giveUp(left, error, sending);
    else
      parts.push(
        ...divide(left, places, error.fault).map((some) => ({ places: some, attempts: PART_ATTEMPTS })),
      );
  }
  if (refused && !blamed && taken > 0) sending.learnMaxInputs(taken);
}

/** The fault that may lie in the texts; undefined: all have their vectors. */
async function trySend({ places, attempts }: Part, sending: Sending): Promise<FaultError | undefined> {
  try {
    await sending.send(places, attempts);
    sending.proven = true;
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError) || !error.fault.input) throw error;
    sending.proven ||= places.some((place) => sending.results.has(place));
    return error;
  }
}

/**
 * A server that embeds nothing at all is at fault itself: one request tells, instead of one for every text. Before a
 * failure is put down to a single text, the server is asked again, as it may have gone down meanwhile. Returns whether
 * the same texts may be sent again in another way.
 */
async function prove(error: FaultError, places: readonly number[], sending: Sending): Promise<boolean> {
  const decides = places.length === 1 && error.fault.input === "failed";
  if (sending.proven && !decides) return false;
  try {
    const adapted = await sending.probe();
    sending.proven = true;
    return adapted;
  } catch (cause) {
    throw cause instanceof FaultError && cause.fault.input ? error : cause;
  }
}

/** The last part first, as parts are taken from the end. */
function divide(
  left: readonly number[],
  sent: readonly number[],
  fault: Fault,
): readonly (readonly number[])[] {
  if (left.length < sent.length) return [left];
  return cut(left, namedLimit(fault, left.length) ?? Math.ceil(left.length / 2));
}

function cut(places: readonly number[], size: number): readonly (readonly number[])[] {
  const parts: (readonly number[])[] = [];
  for (let at = 0; at < places.length; at += size) parts.push(places.slice(at, at + size));
  return parts.toReversed();
}

/** "batch size 64 > maximum allowed batch size 32", "should not be larger than 10": the limit that a refusal names. */
function namedLimit({ input, said = "" }: Fault, sent: number): number | undefined {
  if (input !== "refused" || !/batch|inputs?\b|array|list|items|contents/i.test(said)) return undefined;
  const numbers = Array.from(said.matchAll(/(?<![\w.])\d{1,5}(?![\w]|\.\d)/g), ([number]) => Number(number));
  const smaller = numbers.filter((number) => number > 0 && number < sent);
  return smaller.length > 0 ? Math.max(...smaller) : undefined;
}

function blame({ fault, message }: FaultError): AppError {
  const { cause, input } = fault;
  return input === "refused"
    ? new AppError("invalid_input", `${message} It takes other texts: shorten, split or change this one.`, {
        cause,
      })
    : new AppError(fault.code, `${message} It embeds other texts: shorten, split or change this one.`, {
        cause,
      });
}

function giveUp(left: readonly number[], { fault, message }: FaultError, { results }: Sending): void {
  const reason = new AppError(
    "embedding_failed",
    `${message} Which of ${left.length} texts is at fault was not found in ${MAX_FAILURES} requests. Send fewer texts at once.`,
    { cause: fault.cause },
  );
  for (const place of left) results.set(place, reason);
}
