import type { KeptAnswer, MakeId } from "@cairn/core/idempotency/idempotency.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Scope } from "@cairn/core/tenant/api-key.ts";
import type { TenantLimits } from "@cairn/core/tenant/tenant.ts";
import type { ProblemCode } from "./problem.ts";
import type { Place } from "./request/place.ts";
import type { RequestTime } from "./request/time.ts";

/** Who a request speaks for, by its credential alone. */
export interface Principal {
  /** Null: the operator. */
  readonly tenantId: string | null;
  /** Of the key, or the subject of the token: for logs. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly limits: TenantLimits;
}

/** What is known of a request when it is over: for logs and metrics. No text, no vector, no secret. */
export interface Facts {
  /** Tokens that a model was asked to embed. */
  tokens: number;
  /** Tokens that the chat model read. */
  inputTokens: number;
  /** Tokens that the chat model wrote. */
  outputTokens: number;
  /** Documents or hits in the answer or written. */
  rows: number | undefined;
}

export interface Variables {
  readonly requestId: string;
  readonly principal: Principal;
  /** Counts more requests than this one against the tenant's minute. Throws `rate_limited`. */
  readonly charge: (requests: number) => Promise<void>;
  /** Among the requests of its tenant. */
  readonly place: Place;
  /** For this request: with its time limit and its tenant's budget. */
  readonly services: Services;
  /** The same without the time limit: for what outlives the answer, or is streamed. */
  readonly lasting: Services;
  readonly time: RequestTime;
  /** Aborted when the request's time is over or the caller has gone. */
  readonly signal: AbortSignal;
  /** Of an answer that is streamed: kept when its last event is known. Undefined for any other. */
  readonly streamed: Promise<void> | undefined;
  readonly facts: Facts;
  /** Bytes of texts, metadata and URIs that an answer holds at most. */
  readonly maxResponse: number;
  /** What the route has answered, though its time may be over by then; undefined where it has failed or not yet done so. */
  readonly answer: KeptAnswer | undefined;
  /** Undefined where the request has no `Idempotency-Key`. */
  readonly makeId: MakeId | undefined;
  readonly problem: ProblemCode | undefined;
}

/** What a runtime says of a request. */
export interface Bindings {
  /** Milliseconds that it lets an answer be streamed for. Default: any number. */
  readonly longestStream?: number;
  /** Where the request comes from, as the runtime knows it and never as a caller says. Undefined: it does not know. */
  readonly address?: string;
}

export type Env = { Bindings: Bindings; Variables: Variables };
