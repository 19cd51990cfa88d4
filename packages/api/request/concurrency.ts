import { AppError } from "@cairn/core/error.ts";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import type { RequestLimits } from "./deadline.ts";
import { type Leave, Line, type Refusal } from "./line.ts";
import type { LargeKind, Place } from "./place.ts";

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

/** Large requests of a tenant at once. Of two writes one is computed while the other is at the database. */
const LARGE = { read: 1, write: 2 } as const;

interface Lines {
  readonly requests: Line;
  readonly large: Readonly<Record<LargeKind, Line>>;
  streaming: number;
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
  deadline = 25_000,
}: ConcurrencyLimits & Pick<RequestLimits, "deadline">) {
  const tenants = new Map<string, Lines>();

  function linesOf(tenant: string): Lines {
    const lines = tenants.get(tenant) ?? openLines();
    tenants.set(tenant, lines);
    return lines;
  }

  function openLines(): Lines {
    const line = (limit: number, longest: number) =>
      new Line({
        limit,
        longest,
        timeout: queueTimeout,
        lifetime: 2 * deadline,
        refuse: (why) => busy(limit, longest, why),
      });
    const largeLine = (kind: LargeKind) => line(Math.min(LARGE[kind], tenantConcurrency), tenantConcurrency);
    return {
      requests: line(tenantConcurrency, tenantQueue),
      large: { read: largeLine("read"), write: largeLine("write") },
      streaming: 0,
    };
  }

  function busy(limit: number, longest: number, why: Refusal): AppError {
    const reason =
      why === "full"
        ? `${longest} more wait for their turn`
        : `none was done within ${queueTimeout / 1000} s`;
    return new AppError(
      "tenant_busy",
      `The tenant has ${limit} ${limit === tenantConcurrency ? "" : "large "}requests under way at once, and ${reason}. Send fewer at once, and this one again.`,
      { retryAfter: Math.max(1, Math.ceil(queueTimeout / 20_000)) },
    );
  }

  function forget(tenant: string, lines: Lines): void {
    // A request may leave late, when its tenant was forgotten and has come back: those are other lines.
    const current = tenants.get(tenant) === lines;
    if (current && lines.requests.idle && lines.streaming === 0) tenants.delete(tenant);
  }

  /** Waits for a place. Throws `tenant_busy` where too many wait, or it takes too long. */
  async function enter(tenant: string, signal: AbortSignal): Promise<Place> {
    const lines = linesOf(tenant);
    const leaveLine = await lines.requests.enter(signal);
    let kind: "working" | "streaming" | "left" = "working";
    const large: Partial<Record<LargeKind, Promise<Leave>>> = {};
    const leaveWork = () => {
      for (const entered of Object.values(large))
        void entered.then(
          (leave) => leave(),
          () => {},
        );
      leaveLine();
    };
    return {
      async large(kind) {
        large[kind] ??= lines.large[kind].enter(signal);
        await large[kind];
      },
      stream() {
        if (kind !== "working") return;
        if (lines.streaming >= tenantStreams)
          throw new AppError(
            "tenant_busy",
            `The tenant has ${tenantStreams} streamed answers open. End one of them, and send this request again.`,
            { retryAfter: 5 },
          );
        lines.streaming++;
        kind = "streaming";
        leaveWork();
      },
      leave() {
        if (kind === "working") leaveWork();
        if (kind === "streaming") lines.streaming--;
        kind = "left";
        forget(tenant, lines);
      },
    };
  }

  return { enter, size: () => tenants.size };
}

/** Gives each request its place among its tenant's, and the place to the next when the request is over. */
export function limitConcurrency(limits: ConcurrencyLimits & Pick<RequestLimits, "deadline">) {
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
