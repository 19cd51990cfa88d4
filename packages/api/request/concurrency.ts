import { AppError } from "@cairn/core/error.ts";
import { createMiddleware } from "hono/factory";
import { limitedBy } from "../auth/principal.ts";
import type { Env } from "../context.ts";
import type { RequestLimits } from "./deadline.ts";
import { type Refusal, type Release, Semaphore } from "./semaphore.ts";
import type { LargeKind, RequestSlot } from "./slot.ts";

export interface ConcurrencyLimits {
  /** Concurrent requests of a tenant. Default 16. */
  readonly tenantConcurrency?: number;
  /** Queued requests of a tenant. More are answered 429. Default 256. */
  readonly tenantQueue?: number;
  /** Milliseconds that a request waits in the queue at most. Default 20,000. */
  readonly queueTimeout?: number;
  /** Concurrent streamed responses of a tenant, counted separately from requests. Default 128. */
  readonly tenantStreams?: number;
}

/**
 * Concurrent large requests of a tenant. Of two writes, one computes while the other waits for the database. Few threads convert
 * the files of all tenants.
 */
const LARGE_LIMITS = { read: 1, write: 2, files: 1 } as const;

interface TenantState {
  readonly requests: Semaphore;
  readonly large: Readonly<Record<LargeKind, Semaphore>>;
  streams: number;
}

/**
 * Limits the concurrent requests of each tenant; further requests wait in order of arrival. It counts in this process, and
 * keeps the state of a tenant only while the tenant has requests.
 */
export function createConcurrencyLimiter({
  tenantConcurrency = 16,
  tenantQueue = 256,
  queueTimeout = 20_000,
  tenantStreams = 128,
  deadline = 25_000,
}: ConcurrencyLimits & Pick<RequestLimits, "deadline">) {
  const tenants = new Map<string, TenantState>();

  function stateOf(tenant: string): TenantState {
    const state = tenants.get(tenant) ?? createState();
    tenants.set(tenant, state);
    return state;
  }

  function createState(): TenantState {
    const semaphore = (limit: number, maxQueued: number) =>
      new Semaphore({
        limit,
        maxQueued,
        timeout: queueTimeout,
        lifetime: 2 * deadline,
        refuse: (reason) => busy(limit, maxQueued, reason),
      });
    const forLarge = (kind: LargeKind) => semaphore(Math.min(LARGE_LIMITS[kind], tenantConcurrency), tenantConcurrency);
    return {
      requests: semaphore(tenantConcurrency, tenantQueue),
      large: { read: forLarge("read"), write: forLarge("write"), files: forLarge("files") },
      streams: 0,
    };
  }

  function busy(limit: number, maxQueued: number, refusal: Refusal): AppError {
    const reason =
      refusal === "full" ? `${maxQueued} more are waiting` : `none of them finished within ${queueTimeout / 1000} s`;
    const large = limit === tenantConcurrency ? "" : "large ";
    return new AppError(
      "tenant_busy",
      `The tenant already has ${limit} concurrent ${large}requests, and ${reason}. Send fewer at once, and retry this one.`,
      { retryAfter: Math.max(1, Math.ceil(queueTimeout / 20_000)) },
    );
  }

  function removeIfIdle(tenant: string, state: TenantState): void {
    // A slot may be released late, when the tenant's state was removed and created again: that is another state.
    const isCurrent = tenants.get(tenant) === state;
    if (isCurrent && state.requests.idle && state.streams === 0) tenants.delete(tenant);
  }

  /** Waits for a slot. Throws `tenant_busy` if the queue is full or the wait times out. */
  async function acquire(tenant: string, signal: AbortSignal): Promise<RequestSlot> {
    const state = stateOf(tenant);
    const releaseRequest = await state.requests.acquire(signal);
    let status: "working" | "streaming" | "released" = "working";
    const large: Partial<Record<LargeKind, Promise<Release>>> = {};
    const releaseWork = () => {
      for (const acquired of Object.values(large))
        void acquired.then(
          (release) => release(),
          () => {},
        );
      releaseRequest();
    };
    return {
      async acquireLarge(kind) {
        large[kind] ??= state.large[kind].acquire(signal);
        await large[kind];
      },
      convertToStream() {
        if (status !== "working") return;
        if (state.streams >= tenantStreams)
          throw new AppError(
            "tenant_busy",
            `The tenant already has ${tenantStreams} open streams. Close one of them, and retry this request.`,
            { retryAfter: 5 },
          );
        state.streams++;
        status = "streaming";
        releaseWork();
      },
      release() {
        if (status === "working") releaseWork();
        if (status === "streaming") state.streams--;
        status = "released";
        removeIfIdle(tenant, state);
      },
    };
  }

  return { acquire, size: () => tenants.size };
}

/** Acquires a slot for each request, and releases it when the request or its stream ends. */
export function limitConcurrency(limits: ConcurrencyLimits & Pick<RequestLimits, "deadline">) {
  const { acquire } = createConcurrencyLimiter(limits);
  return createMiddleware<Env>(async (c, next) => {
    const slot = await acquire(limitedBy(c.var.principal, c.get("limitShare")), c.var.signal);
    c.set("slot", slot);
    try {
      await next();
    } finally {
      const streamed = c.get("streamed");
      if (streamed) void streamed.finally(slot.release);
      else slot.release();
    }
  });
}
