import { HTTPException } from "hono/http-exception";
import { HttpError } from "./http-error.ts";

const INTERNAL = "The service failed. Try again. If it fails again, report the request's id.";

/** Translates an error that neither the domain nor a middleware threw. Its own message is not shown. */
export function translateUnexpected(error: unknown): HttpError {
  if (error instanceof HTTPException) return fromHttpException(error);
  if (error instanceof SyntaxError)
    return new HttpError("malformed_json", "The body is not well-formed JSON.", { path: "body" });
  return fromEngineError(error) ?? new HttpError("internal_error", INTERNAL);
}

function fromHttpException({ status }: HTTPException): HttpError {
  if (status === 413) return new HttpError("body_too_large", "The body is too large. Send it in several requests.");
  if (status === 415)
    return new HttpError("unsupported_media_type", "Send the body as Content-Type: application/json.", {
      path: "Content-Type",
    });
  if (status >= 400 && status < 500)
    return new HttpError("malformed_json", "The body is not well-formed JSON.", { path: "body" });
  return new HttpError("internal_error", INTERNAL);
}

/** Translates an error about a limit of the JavaScript engine. */
function fromEngineError(error: unknown): HttpError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { readonly code?: unknown };
  if (code === "ERR_STRING_TOO_LONG" || (error instanceof RangeError && TOO_LARGE.test(error.message)))
    return new HttpError(
      "response_too_large",
      "The response is larger than the service can process at once. Request less: a smaller limit or top_k, fewer queries, or fewer fields by include.",
    );
  if (error instanceof RangeError && TOO_DEEP.test(error.message))
    return new HttpError(
      "invalid_input",
      "The request is nested more deeply than the service can process. Send fewer levels.",
      { path: "body" },
    );
  return undefined;
}

/** V8's messages for a string, array or buffer beyond its maximum length. */
const TOO_LARGE =
  /Invalid (string|array|typed array|array buffer) length|Array buffer allocation failed|(?:larger|longer) than 0x/i;
const TOO_DEEP = /Maximum call stack size exceeded/i;
