import { AppError } from "@cairn/core/error.ts";

/** The time limit of one request, counted from its start. It ends everything that works for the request. */
export interface RequestTimer {
  /** Aborted when the time is over, with the problem as its reason, or when the caller disconnects. */
  readonly signal: AbortSignal;
  /** Aborted when the service is shutting down. The request then has `DRAIN_TIMEOUT_MS` left. */
  readonly closing: AbortSignal | undefined;
  /** Milliseconds left. */
  remainingMs(): number;
  /** The result of the work, or a rejection if the time ends first. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Sets the total time of the request, in milliseconds, for a streamed response. */
  extend(milliseconds: number): void;
  /** Ends the time now, for this reason. */
  end(reason: unknown): void;
  /** Throws `deadline_exceeded` if the time is over. */
  throwIfExpired(): void;
  /** Removes timers and listeners. Call it when the request is answered. */
  close(): void;
}

/** Milliseconds that a running request has when the service is shutting down. */
const DRAIN_TIMEOUT_MS = 6_000;

/** Starts the timer of a request. */
export function startTimer(caller: AbortSignal, milliseconds: number, closing?: AbortSignal): RequestTimer {
  const began = performance.now();
  const controller = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  let totalMs = milliseconds;
  let isStreamed = false;
  // Not AbortSignal.timeout: each one would live until its time is over, even after the request was answered.
  let timer = setTimeout(expire, milliseconds);
  const onDisconnect = () => controller.abort(caller.reason);
  caller.addEventListener("abort", onDisconnect, { once: true });
  let drainTimer: NodeJS.Timeout | undefined;
  const drain = () => {
    drainTimer = setTimeout(() => end(new AppError("deadline_exceeded", SHUT_DOWN)), DRAIN_TIMEOUT_MS);
  };
  if (closing?.aborted) drain();
  else closing?.addEventListener("abort", drain, { once: true });
  const remainingMs = () => began + totalMs - performance.now();
  function expire(): void {
    const detail = isStreamed
      ? "The response did not finish in time. Send the request again."
      : `The request did not finish within ${milliseconds / 1000} s. Request less at once, or use a job: POST /v1/documents/bulk.`;
    end(new AppError("deadline_exceeded", detail));
  }
  function end(reason: unknown): void {
    controller.abort(reason);
    reject(controller.signal.reason);
  }
  return {
    signal: controller.signal,
    closing,
    remainingMs,
    race: (work) => Promise.race([work, expired]),
    extend(total) {
      totalMs = total;
      isStreamed = true;
      clearTimeout(timer);
      timer = setTimeout(expire, remainingMs());
    },
    end,
    throwIfExpired() {
      if (controller.signal.reason instanceof AppError) throw controller.signal.reason;
    },
    close() {
      clearTimeout(timer);
      clearTimeout(drainTimer);
      closing?.removeEventListener("abort", drain);
      caller.removeEventListener("abort", onDisconnect);
    },
  };
}

const SHUT_DOWN =
  "The request did not finish before this process of the service shut down. Send it again: another process answers.";
