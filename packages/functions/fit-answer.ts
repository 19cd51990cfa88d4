import { HttpError } from "@cairn/api/problem/http-error.ts";
import { describeProblem } from "@cairn/api/problem.ts";
import type { handle } from "hono/aws-lambda";

type Answer = Awaited<ReturnType<ReturnType<typeof handle>>>;

/** Bytes of an answer as JSON, escapes included. Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_RESPONSE_BYTES = 6 * 1024 * 1024;

/** The answer; what Lambda would not let through becomes a problem that names the way out. */
export function fitAnswer(answer: Answer): Answer {
  if (Buffer.byteLength(JSON.stringify(answer)) <= MAX_RESPONSE_BYTES) return answer;
  const problem = describeProblem(TOO_LARGE, String(answer.headers?.["x-request-id"]));
  const headers = { ...answer.headers, "content-type": "application/problem+json" };
  return { headers, statusCode: problem.status, body: JSON.stringify(problem), isBase64Encoded: false };
}

const TOO_LARGE = new HttpError(
  "response_too_large",
  "The answer has more than the 6 MB that Lambda lets through. Ask for less at once, by limit or top_k, or ask the address that streams.",
);
