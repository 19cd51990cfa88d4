import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { type SSEMessage, type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { Env } from "../context.ts";
import { describeProblem } from "../problem.ts";
import type { Log } from "../telemetry/log.ts";

export interface StreamOptions {
  /** Receives unexpected errors. */
  readonly log: Log | undefined;
  /** Milliseconds for the complete request. A smaller limit of the runtime takes precedence. */
  readonly timeoutMs: number;
  /** Writes the events. It is not awaited after the time is over: the request's signal is aborted then. */
  readonly write: (sse: SSEStreamingApi) => Promise<void>;
  /** The last event if the time is over. Default: `error`, with the problem. */
  readonly timeoutEvent?: SSEMessage;
}

/**
 * The response to HEAD for a route that streams. Hono runs the GET handler and drops its body, so nobody would read the
 * events or end the stream.
 */
export function streamHead(c: Context<Env>): Response {
  return c.body(null, 200, { "Content-Type": "text/event-stream" });
}

/** Ends a stream that another process can continue. */
class ShutdownError extends AppError {
  constructor() {
    super("deadline_exceeded", "This process of the service is shutting down. Send the request again.");
  }
}

/**
 * A response of server-sent events, which may run longer than other requests. An error is reported as the last event,
 * `error` with the problem, because the status has already been sent.
 */
export function streamEvents(c: Context<Env>, { log, timeoutMs, write, timeoutEvent }: StreamOptions) {
  const { timer, requestId, slot } = c.var;
  slot.convertToStream();
  const { promise, resolve } = Promise.withResolvers<void>();
  c.set("streamed", promise);
  const shutDown = () => setTimeout(() => timer.end(new ShutdownError())); // not before the stream has started
  if (timeoutEvent) onAbort(timer.closing, shutDown);
  timer.extend(Math.min(timeoutMs, c.env?.maxStreamMs ?? timeoutMs)); // without a runtime there are no bindings
  return streamSSE(c, async (sse) => {
    sse.onAbort(() => timer.end(new DOMException("The caller disconnected.", "AbortError")));
    const lastEvent = await timer.race(write(sse)).then(
      () => undefined,
      (error: unknown): SSEMessage | undefined => {
        const isTimerError = error === timer.signal.reason;
        if (isTimerError && error instanceof ShutdownError) return timeoutEvent;
        if (isTimerError && !(error instanceof AppError)) return undefined; // the caller disconnected
        if (isTimerError && timeoutEvent) return timeoutEvent;
        const problem = describeProblem(error, requestId);
        c.set("problem", problem.code);
        if (problem.status === 500) log?.failure(error, { request_id: requestId });
        return { event: "error", data: stringifyJson(problem) };
      },
    );
    timer.closing?.removeEventListener("abort", shutDown);
    timer.close();
    resolve(); // before the last event, so that a caller that does not read holds nothing up
    if (lastEvent) await sse.writeSSE(lastEvent);
  });
}

function onAbort(signal: AbortSignal | undefined, work: () => void): void {
  if (signal?.aborted) work();
  else signal?.addEventListener("abort", work, { once: true });
}
