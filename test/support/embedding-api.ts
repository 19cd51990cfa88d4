import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Dialect, Refusal, ReplyItem } from "./embedding-dialects.ts";

/** How a scripted server misbehaves for one request. */
export type Fault =
  | { readonly kind: "rate_limit"; readonly retryAfter?: string }
  | { readonly kind: "quota" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly retryAfter?: string;
    }
  /** Never answers. `after: "headers"`: begins to, and goes no further. */
  | { readonly kind: "hang"; readonly after?: "headers" }
  | { readonly kind: "half_json" }
  /** Cuts the connection after so many bytes of the body. */
  | { readonly kind: "drop"; readonly bytes: number }
  | { readonly kind: "reordered" }
  /** The last vector is missing. */
  | { readonly kind: "short" }
  /** Two vectors carry the same index. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "dimensions"; readonly dimensions: number }
  /** A response in the server's own words, in any dialect, of any status. A string is sent as it is. */
  | ({ readonly kind: "body" } & Refusal)
  /** An element of the first vector is no number. */
  | { readonly kind: "element"; readonly json: "null" | "NaN" | '"1"' };

export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly encoding_format?: string;
  readonly dimensions?: number;
}

export interface EmbeddingApi {
  /** To be given as the client's base URL. */
  readonly url: string;
  /** Every request that came, whatever was answered. */
  readonly requests: readonly EmbeddingRequest[];
  readonly authorizations: readonly (string | undefined)[];
  /** The texts that vectors were made for, whether or not they arrived: what a real server bills. */
  readonly billed: readonly string[];
  /** The next requests fare so, one each; null: well. What comes after fares well. */
  script(...faults: readonly (Fault | null)[]): void;
  /** Every request that the script does not cover fares so. */
  always(fault: Fault | null): void;
  stop(): Promise<void>;
}

interface State {
  readonly requests: EmbeddingRequest[];
  readonly authorizations: (string | undefined)[];
  readonly billed: string[];
  readonly faults: (Fault | null)[];
  otherwise: Fault | null;
}

export interface EmbeddingApiOptions {
  /** The model's own. Default 1,536. */
  readonly dimensions?: number;
  /** `float`: like many compatible servers it ignores the wish for base64. */
  readonly encodings?: "float";
  /** Default: OpenAI's own. */
  readonly dialect?: Dialect;
}

/** A server on loopback that speaks OpenAI's embeddings protocol, limits included, and fails as it is told. */
export async function startEmbeddingApi(options: EmbeddingApiOptions = {}): Promise<EmbeddingApi> {
  const state: State = { requests: [], authorizations: [], billed: [], faults: [], otherwise: null };
  const server = createServer((request, response) => {
    answer(request, response, state, options).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests: state.requests,
    authorizations: state.authorizations,
    billed: state.billed,
    script: (...faults) => void state.faults.push(...faults),
    always(fault) {
      state.otherwise = fault;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The vector that the server gives a text: unit length, different for every text, model and size. */
export function vectorOf(text: string, dimensions: number, model = "text-embedding-3-small"): Float32Array {
  const seed = createHash("sha256").update(`${model}\0${text}`).digest();
  const raw = Float64Array.from({ length: dimensions }, (_, at) =>
    Math.sin((seed.readUInt32BE((at % 8) * 4) % 9973) + at),
  );
  const length = Math.hypot(...raw);
  return Float32Array.from(raw, (element) => element / length);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  state: State,
  options: EmbeddingApiOptions,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST" || request.url !== "/v1/embeddings")
    return refuse(response, 404, `No route ${request.url}`);
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as EmbeddingRequest;
  state.requests.push(asked);
  state.authorizations.push(request.headers.authorization);
  const fault = state.faults.length > 0 ? (state.faults.shift() ?? null) : state.otherwise;
  if (asked.input.length > 2048 || asked.input.includes(""))
    return refuse(response, 400, "'$.input' is invalid.");
  if (fault?.kind === "hang" && !fault.after) return;
  if (refuseAsTold(response, fault)) return;
  const { refuse: refuseRequest, poison, usage = true } = options.dialect ?? {};
  const refusal = refuseRequest?.(asked) ?? asked.input.map((text) => poison?.(text)).find((found) => found);
  if (refusal) return respond(response, refusal);
  state.billed.push(...asked.input);
  const body = JSON.stringify({
    object: "list",
    model: asked.model,
    data: embeddings(asked, fault, options),
    ...(usage ? { usage: { prompt_tokens: asked.input.length, total_tokens: asked.input.length } } : {}),
  });
  send(
    response,
    fault?.kind === "element" ? body.replace(/(?<="embedding":\[)[^,\]]*/, fault.json) : body,
    fault,
  );
}

/** OpenAI's own refusals, word for word. */
function refuseAsTold(response: ServerResponse, fault: Fault | null): boolean {
  if (fault?.kind === "quota")
    refuse(response, 429, "You exceeded your current quota, please check your plan and billing details.", {
      code: "insufficient_quota",
      retryAfter: "120",
    });
  else if (fault?.kind === "rate_limit")
    refuse(response, 429, "Rate limit reached for text-embedding-3-small.", {
      code: "rate_limit_exceeded",
      retryAfter: fault.retryAfter,
    });
  else if (fault?.kind === "body") respond(response, fault);
  else if (fault?.kind === "status")
    refuse(response, fault.status, fault.message ?? "The server had an error.", fault);
  else return false;
  return true;
}

function respond(response: ServerResponse, { status, body }: Refusal): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "content-type": isText ? "text/html" : "application/json" });
  response.end(isText ? body : JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  { code, retryAfter }: { readonly code?: string; readonly retryAfter?: string } = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter ? { "retry-after": retryAfter } : {}),
  });
  response.end(
    JSON.stringify({
      error: { message, type: code ?? "invalid_request_error", code: code ?? null, param: null },
    }),
  );
}

function embeddings(
  asked: EmbeddingRequest,
  fault: Fault | null,
  { dimensions: own = 1536, encodings, dialect }: EmbeddingApiOptions,
): readonly ReplyItem[] {
  const dimensions = fault?.kind === "dimensions" ? fault.dimensions : (asked.dimensions ?? own);
  const asFloats = encodings === "float" || asked.encoding_format === "float";
  const write =
    dialect?.write ??
    ((vector: Float32Array) =>
      asFloats ? Array.from(vector) : Buffer.from(vector.buffer as ArrayBuffer).toString("base64"));
  const items = asked.input.map(
    (text, index): ReplyItem => ({
      object: "embedding",
      index,
      embedding: write(dialect?.vector?.(text, dimensions) ?? vectorOf(text, dimensions, asked.model), text),
    }),
  );
  const data = dialect?.items?.(items) ?? items;
  if (fault?.kind === "reordered") return data.toReversed();
  if (fault?.kind === "short") return data.slice(0, -1);
  if (fault?.kind === "duplicate") return data.map((item) => ({ ...item, index: 0 }));
  return data;
}

function send(response: ServerResponse, body: string, fault: Fault | null): void {
  const bytes = Buffer.from(body);
  response.setHeader("content-type", "application/json");
  if (fault?.kind === "half_json") return void response.end(bytes.subarray(0, bytes.length >> 1));
  response.setHeader("content-length", bytes.length);
  if (fault?.kind === "drop")
    return void response.write(bytes.subarray(0, fault.bytes), () => response.destroy());
  if (fault?.kind === "hang") return void response.write(bytes.subarray(0, 10));
  response.end(bytes);
}
