import { AppError } from "../error.ts";
import { BrokenReply } from "./openai-reply.ts";
import { redact } from "./redact.ts";
import type { Fault } from "./retry.ts";

export interface Request {
  /** What the server is asked for. Default `embedding`. */
  readonly service?: "embedding" | "chat";
  /** Server and port, to name it by. */
  readonly host: string;
  readonly model: string;
  readonly texts: readonly string[];
  readonly apiKey: string;
  readonly timedOut: boolean;
}

/** What the client's error for an answered request has; structural, so that the package stays unloaded. */
interface Answer {
  readonly status: number;
  readonly headers: Headers | undefined;
  readonly error: unknown;
  readonly code: unknown;
  readonly type: unknown;
}

const QUOTA = new Set(["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]);
const RETRIED = new Set([200, 408, 409, 424, 425, 429]);

/** Statuses of a request that the server does not take as it is. */
const REFUSED = new Set([400, 413, 422]);

/** Statuses that may come of one text: TEI answers 424 where its model fails, some proxies 200. Not of a gateway. */
const FAILED = new Set([200, 424, 500]);

/** A 400 that is about the credential: Gemini and others answer so. */
const ABOUT_KEY = /\bapi[ _-]?key\b/i;
const KEPT = "Nothing more was sent, and what was paid for before is kept.";

/** What a failed request means. Undefined: it is not the server's failure. Neither text nor key is in the message. */
export function explainFailure(error: unknown, request: Request): Fault | undefined {
  const { service = "embedding", host, timedOut } = request;
  const broken = (message: string, input?: "failed"): Fault => ({
    code: `${service}_failed`,
    message,
    retry: true,
    input,
  });
  if (error instanceof AppError) return undefined;
  if (timedOut) return broken(`The ${service} server ${host} did not answer in time.`);
  if (error instanceof BrokenReply)
    return broken(
      `The answer of the ${service} server ${host} is unusable: ${error.message}.`,
      error.ofText ? "failed" : undefined,
    );
  if (isAnswer(error)) return explainAnswer(error, request);
  if (error instanceof SyntaxError)
    return broken(`The answer of the ${service} server ${host} is not whole JSON.`, "failed");
  if (error instanceof Error)
    return broken(`The connection to the ${service} server ${host} failed (${connectionFault(error)}).`);
  return undefined;
}

function explainAnswer(answer: Answer, request: Request): Fault {
  const { status, code, type } = answer;
  const { service = "embedding" } = request;
  const cause = { status, code, type, requestId: answer.headers?.get("x-request-id") ?? undefined };
  const said = redact(serverMessage(answer), { texts: request.texts, secret: request.apiKey });
  if (status === 402 || QUOTA.has(String(code)) || QUOTA.has(String(type))) {
    const message = `The quota for ${request.model} at ${request.host} is used up (${said || code || status}). ${KEPT} Add credit or raise the limit, then run it again.`;
    return { code: `${service}_quota`, message, retry: false, cause };
  }
  const answered = status === 200 ? "200 with an error" : status;
  const message = `The ${service} server ${request.host} answered ${answered}${said ? `: ${said}` : ""}${/[.!?…]$/.test(said) ? "" : "."}`;
  const refused = REFUSED.has(status);
  if (status === 401 || status === 403 || (refused && ABOUT_KEY.test(said)))
    return { code: `${service}_failed`, message: `${message} Check the API key.`, retry: false, cause };
  const retry = status >= 500 || RETRIED.has(status);
  return {
    code: `${service}_failed`,
    message,
    retry,
    retryAfter: retry ? retryAfter(answer.headers) : undefined,
    cause,
    input: refused ? "refused" : FAILED.has(status) ? "failed" : undefined,
    said,
  };
}

function isAnswer(error: unknown): error is Answer {
  return error instanceof Error && "status" in error && typeof error.status === "number";
}

function serverMessage({ error }: Answer): string {
  if (typeof error !== "object" || error === null) return typeof error === "string" ? error : "";
  return "message" in error && typeof error.message === "string" ? error.message : "";
}

/** Milliseconds that the server asks to wait: `retry-after` holds seconds or a date. */
function retryAfter(headers: Headers | undefined): number | undefined {
  const exact = Number(headers?.get("retry-after-ms") || Number.NaN);
  if (exact >= 0) return exact;
  const value = headers?.get("retry-after");
  if (!value) return undefined;
  const wait = /^\s*[\d.]+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

/** The operating system's code lies under two wrappers; their messages may hold the address with its password. */
function connectionFault(error: Error): string {
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    if ("code" in current && typeof current.code === "string") return current.code;
    current = current.cause;
  }
  return "no whole answer came";
}
