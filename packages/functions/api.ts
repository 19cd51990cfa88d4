import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { encodeGatewayPath } from "./gateway-path.ts";
import { lazyApp } from "./lazy-app.ts";
import { limitResponse } from "./limit-response.ts";

const respond = handle(lazyApp(4_000));

/** The API behind API Gateway, which buffers a response until it is complete. */
export async function handler(event: LambdaEvent, context?: LambdaContext) {
  const request = "rawPath" in event ? { ...event, rawPath: encodeGatewayPath(event.rawPath) } : event;
  return limitResponse(await respond(request, context));
}
