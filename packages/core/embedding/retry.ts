import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type ErrorCode } from "../error.ts";

/** Why an attempt failed. The message is safe to show. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  /** Whether a retry may succeed. */
  readonly isTransient: boolean;
  /** Milliseconds to wait, as the server requests. */
  readonly retryAfter?: number;
  /** Details for the log, without texts and credentials. */
  readonly cause?: object;
  /**
   * Whether the texts may be the cause, so that other texts may succeed. `rejected`: the server rejects the request;
   * `failed`: it fails, possibly because of the texts. Undefined: the texts are not the cause.
   */
  readonly inputFault?: "rejected" | "failed";
  /** The server's message, safe to show. */
  readonly serverMessage?: string;
}

/** The failure of the last attempt. */
export class FaultError extends AppError {
  readonly fault: Fault;

  constructor(fault: Fault, message: string) {
    super(fault.code, message, { cause: fault.cause });
    this.fault = fault;
  }
}

export interface RetryOptions {
  /** End of all attempts, as a value of `performance.now()`. */
  readonly deadline: number;
  /** Milliseconds for one attempt. */
  readonly attemptTimeout: number;
  readonly attempts: number;
  /** Milliseconds before the second attempt. Doubles with each attempt, minus a random part of up to a half. */
  readonly backoff: number;
  readonly signal: AbortSignal | undefined;
  /** The fault behind an error of `work`. Undefined: the server did not cause it, and the error is thrown unchanged. */
  readonly explain: (error: unknown, timedOut: boolean) => Fault | undefined;
  /** The error if no time remains for an attempt. Default: the error for embeddings. */
  readonly timeoutError?: Pick<Fault, "code" | "message">;
}

const EMBEDDING_TIMEOUT_ERROR = {
  code: "embedding_failed",
  message: "The texts cannot all be embedded within the time limit of the call. Send fewer texts, or try again.",
} as const;

const MAX_BACKOFF_MS = 20_000;

/**
 * Runs `work` until it succeeds, fails permanently, or no time remains for another attempt before the deadline. A wait
 * that the server requests is never shortened: if it does not fit before the deadline, the call fails at once.
 */
export async function retry<T>(work: (signal: AbortSignal) => Promise<T>, options: RetryOptions): Promise<T> {
  const { deadline, signal, explain, timeoutError = EMBEDDING_TIMEOUT_ERROR } = options;
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const timeoutMs = Math.ceil(Math.min(options.attemptTimeout, deadline - performance.now()));
    if (timeoutMs <= 0) throw new AppError(timeoutError.code, timeoutError.message);
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await work(signal ? AbortSignal.any([signal, timeout]) : timeout);
    } catch (error) {
      signal?.throwIfAborted();
      const fault = explain(error, timeout.aborted);
      if (!fault) throw error;
      if (!fault.isTransient) throw toFaultError(fault);
      const attemptSummary = `Tried ${attempt} time${attempt === 1 ? "" : "s"} in ${formatSeconds(performance.now() - start)}`;
      if (attempt >= options.attempts) throw toFaultError(fault, `${attemptSummary}.`);
      const wait = fault.retryAfter ?? backoff(options.backoff, attempt);
      const remaining = deadline - performance.now();
      if (wait >= remaining)
        throw toFaultError(
          fault,
          `${attemptSummary}. The next attempt has to wait ${formatSeconds(wait)}, longer than the ${formatSeconds(remaining)} that remain of the call's time limit.`,
        );
      await sleep(wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

function toFaultError(fault: Fault, detail = ""): FaultError {
  return new FaultError(fault, detail ? `${fault.message} ${detail}` : fault.message);
}

/** The delay before an attempt. Source: "equal jitter", AWS Architecture Blog, Exponential Backoff and Jitter. */
function backoff(first: number, attempt: number): number {
  const delay = Math.min(first * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return delay / 2 + (Math.random() * delay) / 2;
}

function formatSeconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
