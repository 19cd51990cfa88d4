import { problemResponse } from "@cairn/api/problem.ts";
import { Hono } from "hono";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { flushUsage } from "../compose.ts";
import { openService } from "./service.ts";

interface Env {
  /** Hono's handlers name it differently. */
  readonly Bindings: {
    readonly event?: LambdaEvent;
    readonly context?: LambdaContext;
    readonly lambdaContext?: LambdaContext;
  };
  readonly Variables: { readonly requestId: string };
}

/**
 * The API for a Lambda handler. The first request opens the service. A stream ends `reserveMs` milliseconds before the
 * function's time limit.
 */
export function lazyApp(reserveMs: number) {
  return new Hono<Env>()
    .all("*", async (c) => {
      const service = await openService();
      const context = c.env.lambdaContext ?? c.env.context;
      const maxStreamMs = context && context.getRemainingTimeInMillis() - reserveMs;
      const response = await service.app.fetch(c.req.raw, { maxStreamMs, address: addressOf(c.env.event) });
      await flushUsage(service); // afterwards the environment may be frozen
      return response;
    })
    .onError((error, c) => {
      console.error(error); // without a service there is no log
      c.set("requestId", (c.env.lambdaContext ?? c.env.context)?.awsRequestId ?? "");
      return problemResponse(c, error);
    });
}

/** The caller's IP address as API Gateway and function URLs report it. A caller can forge the header X-Forwarded-For. */
function addressOf(event: LambdaEvent | undefined): string | undefined {
  const context = event && "requestContext" in event ? event.requestContext : undefined;
  return context && "http" in context ? context.http.sourceIp : undefined;
}
