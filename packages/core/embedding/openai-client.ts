import type { OpenAI } from "openai";
import type { OpenAiOptions } from "./openai-options.ts";
import { readServerError } from "./server-error.ts";

type OpenAiServer = Required<Pick<OpenAiOptions, "apiKey" | "baseUrl">>;

/** Maximum characters read from an error body. */
const MAX_ERROR_LENGTH = 65_536;

/** Headers of a failed response that are kept: when to retry, and the id in the server's log. */
const KEPT_HEADERS = ["retry-after", "retry-after-ms", "x-request-id"];

/**
 * A client for OpenAI's protocol that does not retry, log or read the environment. The package is imported here, with the
 * first text to embed: 422 kB and 60 to 90 ms.
 */
export async function connectOpenAi({ apiKey, baseUrl }: OpenAiServer): Promise<OpenAI> {
  const { OpenAI } = await import("openai");
  return new OpenAI({
    apiKey,
    baseURL: baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: "off",
    fetch: fetchTranslatingErrors,
  });
}

/** `fetch` that translates error bodies of other dialects into OpenAI's. The client would drop their messages. */
export async function fetchTranslatingErrors(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.ok || response.status < 400) return response;
  const text = await readPrefix(response);
  const error = readServerError(parseJsonOrText(text)) ?? { message: "" };
  const headers = new Headers({ "content-type": "application/json" });
  for (const name of KEPT_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(JSON.stringify({ error }), { status: response.status, headers });
}

async function readPrefix(response: Response): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ERROR_LENGTH) break;
  }
  return text;
}

function parseJsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
