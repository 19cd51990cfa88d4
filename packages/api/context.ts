import type { MakeId, StoredResponse } from "@cairn/core/idempotency/idempotency.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Namespace } from "@cairn/core/tenant/namespace.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";
import type { TenantLimits } from "@cairn/core/tenant/tenant.ts";
import type { ProblemCode } from "./problem.ts";
import type { RequestSlot } from "./request/slot.ts";
import type { RequestTimer } from "./request/timer.ts";

/** Who makes a request. Comes from the credential only. */
export interface Principal {
  /** Null: the operator, or a namespace's key that has not selected a tenant. `isOperator` tells them apart. */
  readonly tenantId: string | null;
  /** The namespace of the key. Undefined: the key of one tenant, or of the operator. */
  readonly namespace?: Pick<Namespace, "id" | "name" | "settings">;
  /** Id of the key, or subject of the token, for logs. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly limits: TenantLimits;
}

/** What a request used, for logs and metrics. Contains no text, vector or secret. */
export interface RequestUsage {
  /** Tokens sent to an embedding model. */
  tokens: number;
  /** Tokens that the chat model read. */
  inputTokens: number;
  /** Tokens that the chat model wrote. */
  outputTokens: number;
  /** Tokens sent to a rerank model whose order was applied. */
  rerankTokens: number;
  /** Calls to a rerank model whose order was applied. */
  reranks: number;
  /** Calls to a rerank model that failed, so that hits were returned in the order of the search. */
  rerankFailures: number;
  /** Documents or hits that were returned or written. */
  rows: number | undefined;
  /** Which of two systems answers, if the request can be answered by another one. Undefined: it cannot. */
  upstream: UpstreamUsage | undefined;
}

/** A request that another system can answer too, such as the one that a tenant moves away from. */
export interface UpstreamUsage {
  /** Undefined: the request is not about one tenant, or this service does not have the tenant. */
  tenantId: string | undefined;
  /** Where the tenant is on its way. Undefined: the request is not about one tenant. */
  phase: string | undefined;
  /** The system that decides. */
  side: string | undefined;
  /** Milliseconds that the other system took, of all requests to it. Undefined: it was not asked. */
  ms: number | undefined;
}

export interface Variables {
  readonly requestId: string;
  readonly principal: Principal;
  /** The part of a namespace's requests that has limits of its own. Undefined: all of them share the limits. */
  readonly limitShare: string | undefined;
  /** Counts further requests against the tenant's rate limit. Throws `rate_limited`. */
  readonly charge: (requests: number) => Promise<void>;
  /** Under the tenant's concurrency limit. */
  readonly slot: RequestSlot;
  /** With the request's time limit and the tenant's token budget. */
  readonly services: Services;
  /** The same without the time limit, for work that outlives the response, and for streams. */
  readonly backgroundServices: Services;
  readonly timer: RequestTimer;
  /** Aborted when the request's time is over or the caller disconnects. */
  readonly signal: AbortSignal;
  /** Resolves when the last event of a streamed response is known. Undefined for other responses. */
  readonly streamed: Promise<void> | undefined;
  readonly usage: RequestUsage;
  /** Maximum bytes of texts, metadata and URIs in a response. */
  readonly maxResponse: number;
  /** The response of the route, even if its time is over. Undefined: the route failed or is still running. */
  readonly response: StoredResponse | undefined;
  /** Undefined: the request has no `Idempotency-Key`. */
  readonly makeId: MakeId | undefined;
  readonly problem: ProblemCode | undefined;
}

/** What the runtime knows about a request. */
export interface Bindings {
  /** Maximum milliseconds for a streamed response. Default: unlimited. */
  readonly maxStreamMs?: number;
  /** The caller's address as the runtime sees it, never from a header. Undefined: not known. */
  readonly address?: string;
  /** Whether `/metrics`, `/docs` and `/openapi.json` are 404, because a private address serves them. Default: false. */
  readonly hidesPrivatePaths?: boolean;
}

export type Env = { Bindings: Bindings; Variables: Variables };
