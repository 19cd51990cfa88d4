import { fetchTranslatingErrors } from "../embedding/openai-client.ts";
import { ErrorReply, InvalidReplyError } from "../embedding/openai-reply.ts";
import type { RerankerOptions } from "./rerank-options.ts";

/** Maximum bytes of a response. Some servers repeat the texts in it. */
const MAX_RESPONSE_BYTES = 20_000_000;

/**
 * The parsed response to a request. Throws an error with the status and the message of a failed response, `SyntaxError` for one
 * that is not JSON, and what fetch throws.
 */
export async function sendRequest(
  { url, apiKey }: Pick<RerankerOptions, "apiKey"> & { readonly url: string },
  body: object,
  signal: AbortSignal,
): Promise<unknown> {
  const response = await fetchTranslatingErrors(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      ...(apiKey ? { Authorization: `Bearer ${apiKey}` } : {}),
    },
    body: JSON.stringify(body, (_, value) => (typeof value === "string" ? value.toWellFormed() : value)),
    signal,
  });
  const text = await readText(response);
  if (response.ok) return JSON.parse(text) as unknown;
  const { error } = JSON.parse(text) as { readonly error: { readonly message: string; readonly code?: unknown } };
  throw Object.assign(new ErrorReply({ ...error, status: response.status }), { headers: response.headers });
}

async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_RESPONSE_BYTES) throw new InvalidReplyError("it is too large");
  }
  return text + decoder.decode();
}
