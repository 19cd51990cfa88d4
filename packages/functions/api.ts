import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { fitAnswer } from "./fit-answer.ts";
import { encodeGatewayPath } from "./gateway-path.ts";
import { lateApp } from "./late-app.ts";

const answer = handle(lateApp(4_000));

/** Every route of the API, behind API Gateway: it holds an answer back until it is whole. */
export async function handler(event: LambdaEvent, context?: LambdaContext) {
  const asked = "rawPath" in event ? { ...event, rawPath: encodeGatewayPath(event.rawPath) } : event;
  return fitAnswer(await answer(asked, context));
}
