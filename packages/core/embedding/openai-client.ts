import type { OpenAI } from "openai";
import { readServerError } from "./server-error.ts";

export interface OpenAiServer {
  /** A server that needs none takes any. */
  readonly apiKey: string;
  readonly baseUrl: string;
}

/** Characters of an error's body that are read. */
const MAX_ERROR_LENGTH = 65_536;

/** Headers of a failed response that matter: when to try again, and how to find it in the server's log. */
const KEPT_HEADERS = ["retry-after", "retry-after-ms", "x-request-id"];

/**
 * A client of OpenAI's protocol that retries nothing, logs nothing and reads nothing of the environment. The package
 * is imported here, when the first text must be embedded: 422 kB and 60 to 90 ms.
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
    fetch: fetchTranslated,
  });
}

/** `fetch`, with the error bodies of other dialects in OpenAI's own: the client drops the words of those. */
async function fetchTranslated(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.ok || response.status < 400) return response;
  const text = await readStart(response);
  const error = readServerError(parseLenient(text)) ?? { message: "" };
  const headers = new Headers({ "content-type": "application/json" });
  for (const name of KEPT_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(JSON.stringify({ error }), { status: response.status, headers });
}

async function readStart(response: Response): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ERROR_LENGTH) break;
  }
  return text;
}

function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
