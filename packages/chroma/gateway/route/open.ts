import type { Env } from "@cairn/api/context.ts";
import type { Protocol } from "@cairn/api/protocol.ts";
import type { MetricSource } from "@cairn/api/telemetry/metrics.ts";
import type { Services } from "@cairn/core/services.ts";
import type { MiddlewareHandler } from "hono";
import { openSource } from "../../source/http-source.ts";
import type { ChromaOptions } from "../../source/options.ts";
import { openTarget } from "../../target/http-target.ts";
import { createBacklog } from "../backlog.ts";
import { createForward } from "../forward.ts";
import { createLocator } from "../locate.ts";
import { startReplicator } from "../replicate/replicator.ts";
import { createSettlements } from "../settlements.ts";
import { createShadow } from "../shadow/shadow.ts";
import { createRequestStatistics } from "../shadow/statistics/statistics.ts";
import { createTenantCache } from "../tenants.ts";
import { createAskCairn } from "./ask-cairn.ts";
import { gatewayMiddleware } from "./gateway.ts";
import { createGatewayMetrics } from "./metrics.ts";

export interface GatewayOptions {
  readonly chroma: ChromaOptions;
  /** Milliseconds until a request to Chroma counts as lost. Default 60,000. */
  readonly timeoutMs?: number;
  /** Milliseconds after which all records of a tenant are compared again. Default an hour. */
  readonly compareMs?: number;
  /** Milliseconds between two writes of what was counted. Default 5,000. */
  readonly countMs?: number;
  /** Recorded ids of a tenant above which its writes wait for the replica. Default 100,000. */
  readonly maxPendingIds?: number;
  readonly onError: (error: unknown) => void;
}

/** The gateway of a process. */
export interface OpenGateway {
  /** The handler before Cairn's own handlers of Chroma's API. */
  readonly handler: (own: Pick<Protocol, "routes" | "errorResponse">) => MiddlewareHandler<Env>;
  /** The gateway's metrics, for /metrics. */
  readonly readMetrics: MetricSource;
  /** Ends replication and writes what was counted. Call it before the database is closed. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 60_000;

/** Milliseconds after which a request that was given up has ended in Chroma too. */
const GRACE_MS = 2_000;

/** Opens the gateway in front of a Chroma server, and starts to replicate. Chroma may be down at this time. */
export function openGateway(services: Services, options: GatewayOptions): OpenGateway {
  const { chroma, timeoutMs = TIMEOUT_MS, compareMs, countMs, maxPendingIds, onError } = options;
  const { database } = services;
  const metrics = createGatewayMetrics(database);
  const statistics = metrics.countRequests(createRequestStatistics(database, { interval: countMs, onError }));
  const shadow = createShadow({ services, statistics, onError });
  const replicator = startReplicator({
    services,
    statistics,
    compareMs,
    settleMs: timeoutMs + GRACE_MS,
    onError,
    openChroma: createOpenChroma(chroma),
  });
  const settlements = createSettlements(database, { onSettled: replicator.notify, onError });
  const shared = {
    database,
    forward: metrics.watch(createForward(chroma, { timeoutMs })),
    locator: createLocator(),
    tenants: createTenantCache(database),
    timeoutMs,
    statistics,
    shadow,
    settlements,
    backlog: createBacklog(database, { maxIds: maxPendingIds }),
    onChange: replicator.notify,
  };
  return {
    handler: (own) => gatewayMiddleware({ ...shared, askCairn: createAskCairn(own) }),
    readMetrics: metrics.read,
    async close() {
      await shadow.close();
      await settlements.close();
      await replicator.close();
      await statistics.close();
    },
  };
}

/** Attempts of a request of the replicator. It tries again by itself, so a server that is down holds up nothing. */
const ATTEMPTS = 2;

function createOpenChroma(chroma: ChromaOptions) {
  const options = { ...chroma, attempts: ATTEMPTS };
  const open = async () => ({ source: await openSource(options), target: await openTarget(options) });
  let opened: ReturnType<typeof open> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
