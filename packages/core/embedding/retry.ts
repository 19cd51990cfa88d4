import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type ErrorCode } from "../error.ts";

/** Why an attempt failed, in words that may be shown. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  /** Whether another attempt may succeed. */
  readonly retry: boolean;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number;
  /** Facts for a log: neither a text nor a credential. */
  readonly cause?: object;
  /**
   * Whether the cause may lie in what was sent, so that other parts of it may succeed. `refused`: the server says so;
   * `failed`: it fails, perhaps because of it. Undefined: the cause lies elsewhere.
   */
  readonly input?: "refused" | "failed";
  /** What the server said, safe to show. */
  readonly said?: string;
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
  /** When everything must be over, as `performance.now()` counts. */
  readonly deadline: number;
  /** Milliseconds for one attempt. */
  readonly attemptTimeout: number;
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled each time, less up to a half by chance. */
  readonly backoff: number;
  readonly signal: AbortSignal | undefined;
  /** Tells what an error of `work` means. Undefined: it is no failure of the server, and goes up as it is. */
  readonly explain: (error: unknown, timedOut: boolean) => Fault | undefined;
  /** What it comes to where no time is left for another attempt. Default: that of embedding. */
  readonly overdue?: Pick<Fault, "code" | "message">;
}

const OVERDUE = {
  code: "embedding_failed",
  message: "The time allowed for embedding is over before all texts are embedded.",
} as const;

const MAX_BACKOFF_MS = 20_000;

/**
 * Runs `work` until it succeeds, fails for good, or another attempt would not end before the deadline. A wait that
 * the server asks for is kept to, and never cut short: where it does not fit, the call fails at once.
 */
export async function retry<T>(work: (signal: AbortSignal) => Promise<T>, options: RetryOptions): Promise<T> {
  const { deadline, signal, explain, overdue = OVERDUE } = options;
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const time = Math.ceil(Math.min(options.attemptTimeout, deadline - performance.now()));
    if (time <= 0) throw new AppError(overdue.code, overdue.message);
    const timeout = AbortSignal.timeout(time);
    try {
      return await work(signal ? AbortSignal.any([signal, timeout]) : timeout);
    } catch (error) {
      signal?.throwIfAborted();
      const fault = explain(error, timeout.aborted);
      if (!fault) throw error;
      if (!fault.retry) throw failure(fault);
      const tried = `Tried ${attempt} time${attempt === 1 ? "" : "s"} in ${seconds(performance.now() - start)}`;
      if (attempt >= options.attempts) throw failure(fault, `${tried}.`);
      const wait = fault.retryAfter ?? backoff(options.backoff, attempt);
      const left = deadline - performance.now();
      if (wait >= left)
        throw failure(
          fault,
          `${tried}. The next attempt has to wait ${seconds(wait)}, longer than the ${seconds(left)} that remain of the time limit for the call.`,
        );
      await sleep(wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

function failure(fault: Fault, more = ""): FaultError {
  return new FaultError(fault, more ? `${fault.message} ${more}` : fault.message);
}

/** Source: "equal jitter", AWS Architecture Blog, Exponential Backoff and Jitter. */
function backoff(first: number, attempt: number): number {
  const whole = Math.min(first * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return whole / 2 + (Math.random() * whole) / 2;
}

function seconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
