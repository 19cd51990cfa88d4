import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Dialect, EmbeddingRequest, Refusal, ReplyItem } from "./embedding-dialects.ts";

/** A scripted fault for one request. */
export type Fault =
  | { readonly kind: "rate_limit"; readonly retryAfter?: string }
  | { readonly kind: "quota" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly retryAfter?: string;
    }
  /** Never responds. `after: "headers"`: stops after the first bytes of the body. */
  | { readonly kind: "hang"; readonly after?: "headers" }
  | { readonly kind: "half_json" }
  /** Cuts the connection after `bytes` of the body. */
  | { readonly kind: "drop"; readonly bytes: number }
  | { readonly kind: "reordered" }
  /** The last vector is missing. */
  | { readonly kind: "short" }
  /** All vectors have the same index. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "dimensions"; readonly dimensions: number }
  /** A response with this status and body. A string is sent unchanged. */
  | ({ readonly kind: "body" } & Refusal)
  /** An element of the first vector is not a number. */
  | { readonly kind: "element"; readonly json: "null" | "NaN" | '"1"' };

export interface EmbeddingApi {
  /** The client's base URL. */
  readonly url: string;
  /** Every request, whatever the response was. */
  readonly requests: readonly EmbeddingRequest[];
  readonly authorizations: readonly (string | undefined)[];
  /** The embedded texts, even if the response did not arrive. A real server bills them. */
  readonly billed: readonly string[];
  /** Sets the faults of the next requests; null: success. Later requests succeed. */
  script(...faults: readonly (Fault | null)[]): void;
  /** Sets the fault of every request that the script does not cover. */
  always(fault: Fault | null): void;
  stop(): Promise<void>;
}

interface State {
  readonly requests: EmbeddingRequest[];
  readonly authorizations: (string | undefined)[];
  readonly billed: string[];
  readonly faults: (Fault | null)[];
  defaultFault: Fault | null;
}

export interface EmbeddingApiOptions {
  /** Default dimensions of the model. Default 1,536. */
  readonly dimensions?: number;
  /** `float`: ignores a request for base64, as many compatible servers do. */
  readonly encodings?: "float";
  /** Default: OpenAI's protocol. */
  readonly dialect?: Dialect;
}

/** A scripted server on loopback that implements OpenAI's embeddings protocol with its limits. */
export async function startEmbeddingApi(options: EmbeddingApiOptions = {}): Promise<EmbeddingApi> {
  const state: State = { requests: [], authorizations: [], billed: [], faults: [], defaultFault: null };
  const server = createServer((request, response) => {
    respond(request, response, state, options).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests: state.requests,
    authorizations: state.authorizations,
    billed: state.billed,
    script: (...faults) => void state.faults.push(...faults),
    always(fault) {
      state.defaultFault = fault;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The vector that the server returns for a text: unit length, different for every text, model and size. */
export function vectorOf(text: string, dimensions: number, model = "text-embedding-3-small"): Float32Array {
  const seed = createHash("sha256").update(`${model}\0${text}`).digest();
  const raw = Float64Array.from({ length: dimensions }, (_, at) =>
    Math.sin((seed.readUInt32BE((at % 8) * 4) % 9973) + at),
  );
  const length = Math.hypot(...raw);
  return Float32Array.from(raw, (element) => element / length);
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  state: State,
  options: EmbeddingApiOptions,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST" || request.url !== "/v1/embeddings")
    return refuse(response, 404, `Unknown route ${request.url}`);
  const sent = JSON.parse(Buffer.concat(chunks).toString());
  const body = { ...sent, input: [sent.input].flat() } as EmbeddingRequest; // the input may be one text
  state.requests.push(body);
  state.authorizations.push(request.headers.authorization);
  const fault = state.faults.length > 0 ? (state.faults.shift() ?? null) : state.defaultFault;
  if (body.input.length > 2048 || body.input.includes("")) return refuse(response, 400, "'$.input' is invalid.");
  if (fault?.kind === "hang" && !fault.after) return;
  if (sendFault(response, fault)) return;
  const { refuse: refuseRequest, poison, usage = true } = options.dialect ?? {};
  const refusal = refuseRequest?.(body) ?? body.input.map((text) => poison?.(text)).find((result) => result);
  if (refusal) return sendRefusal(response, refusal);
  state.billed.push(...body.input);
  const json = JSON.stringify({
    object: "list",
    model: body.model,
    data: embeddings(body, fault, options),
    ...(usage ? { usage: { prompt_tokens: body.input.length, total_tokens: body.input.length } } : {}),
  });
  send(response, fault?.kind === "element" ? json.replace(/(?<="embedding":\[)[^,\]]*/, fault.json) : json, fault);
}

/** Sends a scripted error with OpenAI's literal error messages. Returns false if the fault is not an error response. */
function sendFault(response: ServerResponse, fault: Fault | null): boolean {
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
  else if (fault?.kind === "body") sendRefusal(response, fault);
  else if (fault?.kind === "status") refuse(response, fault.status, fault.message ?? "The server had an error.", fault);
  else return false;
  return true;
}

function sendRefusal(response: ServerResponse, { status, body }: Refusal): void {
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
  body: EmbeddingRequest,
  fault: Fault | null,
  { dimensions: modelDimensions = 1536, encodings, dialect }: EmbeddingApiOptions,
): readonly ReplyItem[] {
  const dimensions = fault?.kind === "dimensions" ? fault.dimensions : (body.dimensions ?? modelDimensions);
  const asFloats = encodings === "float" || body.encoding_format === "float";
  const write =
    dialect?.write ??
    ((vector: Float32Array) =>
      asFloats ? Array.from(vector) : Buffer.from(vector.buffer as ArrayBuffer).toString("base64"));
  const items = body.input.map(
    (text, index): ReplyItem => ({
      object: "embedding",
      index,
      embedding: write(dialect?.vector?.(text, dimensions) ?? vectorOf(text, dimensions, body.model), text),
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
  if (fault?.kind === "drop") return void response.write(bytes.subarray(0, fault.bytes), () => response.destroy());
  if (fault?.kind === "hang") return void response.write(bytes.subarray(0, 10));
  response.end(bytes);
}
