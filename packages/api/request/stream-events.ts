import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { type SSEMessage, type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { Env } from "../context.ts";
import { describeProblem } from "../problem.ts";
import type { Log } from "../telemetry/log.ts";

export interface StreamOptions {
  /** Told of what nobody expected. */
  readonly log: Log | undefined;
  /** For the whole request. A runtime that lets it have less is obeyed. */
  readonly milliseconds: number;
  /** Writes the events. Nobody waits for it when the time is over: the request's signal is aborted then. */
  readonly write: (sse: SSEStreamingApi) => Promise<void>;
  /** The last event where the time is over. Default: `error`, with the problem. */
  readonly overdue?: SSEMessage;
}

/**
 * The answer to HEAD for a route that streams. Hono runs the GET and drops its body: of a stream nobody would read the
 * events, nor say when to end.
 */
export function streamHead(c: Context<Env>): Response {
  return c.body(null, 200, { "Content-Type": "text/event-stream" });
}

/** Why a stream ends that another process can go on with. */
class Closing extends AppError {
  constructor() {
    super("deadline_exceeded", "This process of the service is shutting down. Ask again.");
  }
}

/**
 * An answer of server-sent events, which may outlive the time of other requests and is over with its last event. What
 * fails in it is told as that event, `error` with the problem: the status has been sent.
 */
export function streamEvents(c: Context<Env>, { log, milliseconds, write, overdue }: StreamOptions) {
  const { time, requestId, place } = c.var;
  place.stream();
  const { promise, resolve } = Promise.withResolvers<void>();
  c.set("streamed", promise);
  const leave = () => setTimeout(() => time.end(new Closing())); // not before the stream has begun
  if (overdue) onAbort(time.closing, leave);
  time.extend(Math.min(milliseconds, c.env?.longestStream ?? milliseconds)); // without a runtime there are no bindings
  return streamSSE(c, async (sse) => {
    sse.onAbort(() => time.end(new DOMException("The caller has gone.", "AbortError")));
    const last = await time.race(write(sse)).then(
      () => undefined,
      (error: unknown): SSEMessage | undefined => {
        const ended = error === time.signal.reason;
        if (ended && error instanceof Closing) return overdue;
        if (ended && !(error instanceof AppError)) return undefined; // the caller has gone: nobody is left to be told
        if (ended && overdue) return overdue;
        const problem = describeProblem(error, requestId);
        c.set("problem", problem.code);
        if (problem.status === 500) log?.failure(error, { request_id: requestId });
        return { event: "error", data: stringifyJson(problem) };
      },
    );
    time.closing?.removeEventListener("abort", leave);
    time.close();
    resolve(); // before the last event: a caller that does not read is not waited for
    if (last) await sse.writeSSE(last);
  });
}

function onAbort(signal: AbortSignal | undefined, work: () => void): void {
  if (signal?.aborted) work();
  else signal?.addEventListener("abort", work, { once: true });
}
