import { explainFailure } from "../embedding/openai-fault.ts";
import type { InvalidReplyError } from "../embedding/openai-reply.ts";
import { FaultError, retry } from "../embedding/retry.ts";
import { AppError } from "../error.ts";
import { FORMATS } from "./formats.ts";
import { readScores, WrongFormatError } from "./read-scores.ts";
import { OPTION_NAMES, type RerankerOptions } from "./rerank-options.ts";
import { type RerankCall, RerankError, type Reranker } from "./reranker.ts";
import { sendRequest } from "./send-request.ts";
import { TenantSlots } from "./tenant-slots.ts";

type Scores = readonly (number | undefined)[];

/** A rerank server as one process sees it. */
interface Server extends RerankerOptions {
  readonly url: string;
  /** Server and port, for messages. */
  readonly host: string;
  /** Whether it has answered in the configured format. Until then a rejected request is a fault of the configuration. */
  isConfirmed: boolean;
}

/** Statuses of a server that does not know the path or the fields of a request. */
const REJECTED_STATUSES = new Set([400, 404, 405, 415, 422]);

export function createRerankCall(options: RerankerOptions): Reranker["rerank"] {
  const { format, tenantConcurrency = 4 } = options;
  const url = options.url ?? (FORMATS[format].url as string);
  const server: Server = { ...options, url, host: new URL(url).host, isConfirmed: false };
  const slots = new TenantSlots(tenantConcurrency);
  return (call) => {
    const refuse = () => new RerankError("busy", `No call to the rerank server ${server.host} became free in time.`);
    return slots.run({ ...call, refuse }, () => rerankPassages(server, call));
  };
}

/** The scores of all passages, in requests of as many as the format allows, which are sent together. */
async function rerankPassages(server: Server, call: RerankCall): Promise<Scores> {
  const { maxPassages } = FORMATS[server.format];
  const batches: RerankCall[] = [];
  for (let at = 0; at < call.passages.length; at += maxPassages)
    batches.push({ ...call, passages: call.passages.slice(at, at + maxPassages) });
  const scores = await Promise.all(batches.map((batch) => requestScores(server, batch)));
  return scores.flat();
}

async function requestScores(server: Server, call: RerankCall): Promise<Scores> {
  const { format, host, apiKey = "", attempts = 2, backoff = 100 } = server;
  const { model, query, passages, deadline, signal } = call;
  let isTimeout = false;
  const explain = (error: unknown, timedOut: boolean) => {
    isTimeout = timedOut;
    if (error instanceof WrongFormatError && !server.isConfirmed) return undefined;
    return explainFailure(error, { service: "rerank", host, model, texts: [query, ...passages], apiKey, timedOut });
  };
  const request = async (attempt: AbortSignal) => {
    const body = await sendRequest(server, FORMATS[format].body({ model, query, passages }), attempt);
    const scores = readScores(body, { format, count: passages.length });
    server.isConfirmed = true;
    return scores;
  };
  const timeoutError = { code: "rerank_failed", message: `The rerank server ${host} did not answer in time.` } as const;
  try {
    const limits = { deadline, attemptTimeout: Number.POSITIVE_INFINITY, attempts, backoff, signal };
    return await retry(request, { ...limits, explain, timeoutError });
  } catch (error) {
    throw toRerankError(error, { server, isTimeout: isTimeout || performance.now() >= deadline });
  }
}

function toRerankError(
  error: unknown,
  { server, isTimeout }: { readonly server: Server; readonly isTimeout: boolean },
) {
  if (error instanceof WrongFormatError) return describeWrongFormat(error, server);
  if (!(error instanceof AppError)) return error;
  const { message, cause, code } = error;
  const status = error instanceof FaultError && (error.fault.cause as { readonly status?: number } | undefined)?.status;
  if (!server.isConfirmed && status && REJECTED_STATUSES.has(status)) {
    const { format, url, model } = server.names ?? OPTION_NAMES;
    return new AppError(
      "rerank_misconfigured",
      `${message} It has not answered a request in the format ${server.format} yet. Check ${format}, ${url} and ${model}.`,
      { cause },
    );
  }
  return new RerankError(code === "rerank_quota" ? "quota" : isTimeout ? "timeout" : "failed", message, { cause });
}

function describeWrongFormat(error: InvalidReplyError, { host, names = OPTION_NAMES }: Server): AppError {
  const candidates = error instanceof WrongFormatError ? error.candidates : [];
  const remedy =
    candidates.length > 0
      ? `Set ${names.format} to ${candidates.join(" or ")}.`
      : `Check ${names.format} and ${names.url}.`;
  return new AppError(
    "rerank_misconfigured",
    `The response of the rerank server ${host} cannot be used: ${error.message}. ${remedy}`,
  );
}
