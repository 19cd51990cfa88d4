import { AppError } from "@cairn/core/error.ts";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import type { Place } from "./place.ts";

export interface ConcurrencyLimits {
  /** Requests of a tenant that are worked on at once. Default 16. */
  readonly tenantConcurrency?: number;
  /** Requests of a tenant that wait for their turn. Default 256; more are answered 429. */
  readonly tenantQueue?: number;
  /** Milliseconds that one waits at most. Default 20,000. */
  readonly queueTimeout?: number;
  /** Answers of a tenant that are streamed at once: they have a count of their own. Default 128. */
  readonly tenantStreams?: number;
}

interface Line {
  working: number;
  streaming: number;
  readonly waiting: (() => void)[];
}

/**
 * Admits a tenant's requests, a few at a time, in the order they came. It counts in this process, and remembers a tenant
 * only as long as it has requests under way.
 */
export function createAdmission({
  tenantConcurrency = 16,
  tenantQueue = 256,
  queueTimeout = 20_000,
  tenantStreams = 128,
}: ConcurrencyLimits) {
  const lines = new Map<string, Line>();

  function lineOf(tenant: string): Line {
    const line = lines.get(tenant) ?? { working: 0, streaming: 0, waiting: [] };
    lines.set(tenant, line);
    return line;
  }

  /** The first that waits takes over the place of whoever has left. */
  function leaveWork(tenant: string, line: Line): void {
    const next = line.waiting.shift();
    if (next) next();
    else line.working--;
    forget(tenant, line);
  }

  function forget(tenant: string, { working, streaming }: Line): void {
    if (working === 0 && streaming === 0) lines.delete(tenant);
  }

  function wait(line: Line, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        then();
      };
      const admit = () => settle(resolve);
      const give = (error: unknown) => {
        line.waiting.splice(line.waiting.indexOf(admit), 1);
        settle(() => reject(error));
      };
      const onAbort = () => give(signal.reason);
      const timer = setTimeout(
        () => give(busy(`none was done within ${queueTimeout / 1000} s`)),
        queueTimeout,
      );
      signal.addEventListener("abort", onAbort, { once: true });
      line.waiting.push(admit);
    });
  }

  function busy(why: string): AppError {
    return new AppError(
      "tenant_busy",
      `The tenant has ${tenantConcurrency} requests under way at once, and ${why}. Send fewer at once, and this one again.`,
      { retryAfter: Math.max(1, Math.ceil(queueTimeout / 20_000)) },
    );
  }

  /** Waits for a place. Throws `tenant_busy` where too many wait, or it takes too long. */
  async function enter(tenant: string, signal: AbortSignal): Promise<Place> {
    const line = lineOf(tenant);
    if (line.working < tenantConcurrency) line.working++;
    else if (line.waiting.length >= tenantQueue) throw busy(`${tenantQueue} more wait for their turn`);
    else await wait(line, signal);
    let kind: "working" | "streaming" | "left" = "working";
    return {
      stream() {
        if (kind !== "working") return;
        if (line.streaming >= tenantStreams)
          throw new AppError(
            "tenant_busy",
            `The tenant has ${tenantStreams} streamed answers open. End one of them, and send this request again.`,
            { retryAfter: 5 },
          );
        line.streaming++;
        kind = "streaming";
        leaveWork(tenant, line);
      },
      leave() {
        const was = kind;
        kind = "left";
        if (was === "working") leaveWork(tenant, line);
        if (was === "streaming") {
          line.streaming--;
          forget(tenant, line);
        }
      },
    };
  }

  return { enter, size: () => lines.size };
}

/** Gives each request its place among its tenant's, and the place to the next when the request is over. */
export function limitConcurrency(limits: ConcurrencyLimits) {
  const { enter } = createAdmission(limits);
  return createMiddleware<Env>(async (c, next) => {
    const place = await enter(c.var.principal.tenantId ?? "operator", c.var.signal);
    c.set("place", place);
    try {
      await next();
    } finally {
      const streamed = c.get("streamed");
      if (streamed) void streamed.finally(place.leave);
      else place.leave();
    }
  });
}
