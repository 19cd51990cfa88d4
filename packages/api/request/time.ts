import { AppError } from "@cairn/core/error.ts";

/** The time of one request, counted from its beginning. What works for the request ends with it. */
export interface RequestTime {
  /** Aborted when the time is over, with the problem as its reason, or when the caller has gone. */
  readonly signal: AbortSignal;
  /** Aborted when the service is shutting down; the request has `DRAIN_TIMEOUT_MS` from then on. */
  readonly closing: AbortSignal | undefined;
  /** Milliseconds that are left. */
  left(): number;
  /** The outcome of the work, or what ended the time where that comes first. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Gives the request this many milliseconds in all: for an answer that is streamed. */
  extend(milliseconds: number): void;
  /** Ends it at once, for this reason. */
  end(reason: unknown): void;
  /** Throws `deadline_exceeded` where it is over. */
  throwIfOver(): void;
  /** Leaves nothing behind: the request is answered. */
  close(): void;
}

/** Milliseconds that a request has to end in when the service is shutting down. */
const DRAIN_TIMEOUT_MS = 6_000;

/** Lets the time of a request run. */
export function startTime(caller: AbortSignal, milliseconds: number, closing?: AbortSignal): RequestTime {
  const began = performance.now();
  const ended = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  let whole = milliseconds;
  let streamed = false;
  // Not AbortSignal.timeout: each would live until its time, whenever the request was answered.
  let timer = setTimeout(expire, milliseconds);
  const leave = () => ended.abort(caller.reason);
  caller.addEventListener("abort", leave, { once: true });
  let draining: NodeJS.Timeout | undefined;
  const drain = () => {
    draining = setTimeout(() => end(new AppError("deadline_exceeded", SHUT_DOWN)), DRAIN_TIMEOUT_MS);
  };
  if (closing?.aborted) drain();
  else closing?.addEventListener("abort", drain, { once: true });
  const left = () => began + whole - performance.now();
  function expire(): void {
    const detail = streamed
      ? "The answer was not done in time. Ask again."
      : `The request was not done within ${milliseconds / 1000} s. Ask for less at once, or use a job: POST /v1/documents/bulk.`;
    end(new AppError("deadline_exceeded", detail));
  }
  function end(reason: unknown): void {
    ended.abort(reason);
    reject(ended.signal.reason);
  }
  return {
    signal: ended.signal,
    closing,
    left,
    race: (work) => Promise.race([work, over]),
    extend(more) {
      whole = more;
      streamed = true;
      clearTimeout(timer);
      timer = setTimeout(expire, left());
    },
    end,
    throwIfOver() {
      if (ended.signal.reason instanceof AppError) throw ended.signal.reason;
    },
    close() {
      clearTimeout(timer);
      clearTimeout(draining);
      closing?.removeEventListener("abort", drain);
      caller.removeEventListener("abort", leave);
    },
  };
}

const SHUT_DOWN =
  "The request was not done before this process of the service was shut down. Send it again: another process answers.";
