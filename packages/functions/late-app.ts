import { problemResponse } from "@cairn/api/problem.ts";
import { Hono } from "hono";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
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
 * The API for a handler that is made when its function is loaded: the first request opens the service. A stream ends
 * `reserve` milliseconds before the function's own end.
 */
export function lateApp(reserve: number) {
  return new Hono<Env>()
    .all("*", async (c) => {
      const { app } = await openService();
      const context = c.env.lambdaContext ?? c.env.context;
      const longestStream = context && context.getRemainingTimeInMillis() - reserve;
      return app.fetch(c.req.raw, { longestStream, address: addressOf(c.env.event) });
    })
    .onError((error, c) => {
      console.error(error); // the service, and so its log, could not be opened
      c.set("requestId", (c.env.lambdaContext ?? c.env.context)?.awsRequestId ?? "");
      return problemResponse(c, error);
    });
}

/** Where a request comes from, as API Gateway and function URLs say; the header X-Forwarded-For is the caller's to begin. */
function addressOf(event: LambdaEvent | undefined): string | undefined {
  const about = event && "requestContext" in event ? event.requestContext : undefined;
  return about && "http" in about ? about.http.sourceIp : undefined;
}
