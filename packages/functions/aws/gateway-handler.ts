import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { encodeGatewayPath } from "./gateway-path.ts";
import type { lazyApp } from "./lazy-app.ts";
import { limitResponse } from "./limit-response.ts";

/** A Lambda handler for API Gateway's HTTP APIs, which decode the path and buffer a response until it is complete. */
export function gatewayHandler(app: ReturnType<typeof lazyApp>) {
  const respond = handle(app);
  return async (event: LambdaEvent, context?: LambdaContext) => {
    const request = "rawPath" in event ? { ...event, rawPath: encodeGatewayPath(event.rawPath) } : event;
    return limitResponse(await respond(request, context));
  };
}
