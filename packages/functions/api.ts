import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { openService } from "./service.ts";

/** Every route of the API, behind API Gateway. */
export async function handler(event: LambdaEvent, context?: LambdaContext) {
  const { app } = await openService();
  return handle(app)(event, context);
}
