import type { Env } from "@cairn/api/context.ts";
import { HttpError } from "@cairn/api/problem/http-error.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { NameRules } from "../../namespace/name-rules.ts";
import type { Backlog } from "../backlog.ts";
import type { Forward, ForwardedResponse } from "../forward.ts";
import type { Locator } from "../locate.ts";
import { sourceOf } from "../phase.ts";
import type { Settlements } from "../settlements.ts";
import type { Shadow } from "../shadow/shadow.ts";
import type { RequestStatistics } from "../shadow/statistics/statistics.ts";
import type { CutoverTenant, TenantCache } from "../tenants.ts";
import type { AskCairn } from "./ask-cairn.ts";

/** What the gateway of one process works with. */
export interface Gateway {
  readonly database: Database;
  readonly forward: Forward;
  readonly askCairn: AskCairn;
  readonly locator: Locator;
  readonly tenants: TenantCache;
  /** Milliseconds until a request to Chroma counts as lost. */
  readonly timeoutMs: number;
  readonly statistics: Pick<RequestStatistics, "record">;
  readonly shadow: Pick<Shadow, "observe">;
  readonly backlog: Backlog;
  readonly settlements: Pick<Settlements, "add">;
  /** Tells the replicator that the tenant has changes. */
  readonly onChange: (tenantId: string) => void;
}

/** A request of a namespace's key. */
export interface GatewayRequest {
  readonly gateway: Gateway;
  readonly c: Context<Env>;
  readonly namespaceId: string;
  readonly rules: NameRules;
  /** The request's path and query. */
  readonly path: string;
}

/** Cairn's own handlers answer. */
export const CAIRN = Symbol("cairn");

export type GatewayAnswer = Response | typeof CAIRN;

/** Milliseconds that a write waits for a change of phase. The barrier is shorter. */
const BARRIER_TIMEOUT_MS = 15_000;
const BARRIER_PAUSE_MS = 20;

/** Returns a function that waits before a write is tried again. It throws `tenant_busy` when the time is over. */
export function createBarrierWait(): () => Promise<void> {
  const deadline = performance.now() + BARRIER_TIMEOUT_MS;
  return async () => {
    if (performance.now() > deadline)
      throw new AppError("tenant_busy", "The tenant's phase is being changed. Send the write again.", {
        retryAfter: 1,
      });
    await new Promise((resolve) => setTimeout(resolve, BARRIER_PAUSE_MS));
  };
}

/** The tenant of a request. `fresh`: as it is now, for writes. Undefined: Cairn does not have it. Throws `forbidden` if it is disabled. */
export async function tenantOf(
  { gateway, c }: GatewayRequest,
  nameOrId: string,
  { fresh }: { readonly fresh: boolean },
): Promise<CutoverTenant | undefined> {
  const tenant = await (fresh ? gateway.tenants.read(nameOrId) : gateway.tenants.get(nameOrId));
  const phase = tenant?.phase ?? "chroma";
  const { usage } = c.var;
  usage.upstream = { ms: undefined, ...usage.upstream, tenantId: tenant?.tenantId, phase, side: sourceOf(phase) };
  if (tenant?.disabled) throw new HttpError("forbidden", "The tenant of the collection is disabled.");
  return tenant;
}

/** Throws `forbidden` if the credential lacks the scope, as Cairn's own handlers do. */
export function requireScope({ c }: GatewayRequest, scope: "read" | "write"): void {
  const { scopes } = c.var.principal;
  if (scopes.includes(scope)) return;
  throw new HttpError("forbidden", `The key lacks the scope ${scope}; it has ${scopes.join(", ")}.`);
}

/** Chroma's response, as the client gets it. */
export async function passOn({ c }: GatewayRequest, response: ForwardedResponse): Promise<Response> {
  return c.body((await response.body()) as never, response.status as ContentfulStatusCode, response.headers);
}

/** The bytes of the request. */
export async function bodyBytes({ c }: GatewayRequest): Promise<Uint8Array> {
  return new Uint8Array(await c.req.arrayBuffer());
}
