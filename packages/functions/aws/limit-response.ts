import { HttpError } from "@cairn/api/problem/http-error.ts";
import { describeProblem } from "@cairn/api/problem.ts";
import type { handle } from "hono/aws-lambda";

type LambdaResponse = Awaited<ReturnType<ReturnType<typeof handle>>>;

/** Bytes of a response as JSON, escapes included. Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_RESPONSE_BYTES = 6 * 1024 * 1024;

/** The response, or a problem with advice if the response is larger than Lambda allows. */
export function limitResponse(response: LambdaResponse): LambdaResponse {
  if (Buffer.byteLength(JSON.stringify(response)) <= MAX_RESPONSE_BYTES) return response;
  const problem = describeProblem(TOO_LARGE, String(response.headers?.["x-request-id"]));
  const headers = { ...response.headers, "content-type": "application/problem+json" };
  return { headers, statusCode: problem.status, body: JSON.stringify(problem), isBase64Encoded: false };
}

const TOO_LARGE = new HttpError(
  "response_too_large",
  "The response is larger than the 6 MB that Lambda allows. Request less at once with limit or top_k, or use the streaming URL.",
);
