import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { AppError } from "@cairn/core/error.ts";
import { parseAddress } from "../source/address.ts";
import { requestHeaders } from "../source/headers.ts";
import type { ChromaOptions } from "../source/options.ts";

/** A request for Chroma. */
export interface ForwardedRequest {
  readonly method: string;
  /** Path and query, beginning with `/api/v2`. */
  readonly path: string;
  /** Undefined: none. */
  readonly body: string | Uint8Array | undefined;
  /** Whether it changes nothing, so that it can be sent again. Default false. */
  readonly repeatable?: boolean;
}

/** The beginning of Chroma's response. */
export interface ForwardedResponse {
  readonly status: number;
  /** The headers that clients read. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body. Undefined: not known before it ends. */
  readonly length: number | undefined;
  /** The complete body. Throws an AppError `source_unavailable` if it does not arrive. */
  bytes(): Promise<Buffer>;
  /** The body for a response: at once if it is short. */
  body(): Promise<Uint8Array | ReadableStream<Uint8Array>>;
}

/** Sends a request to Chroma. Throws an AppError `source_unavailable` if there is no response within the time limit. */
export type Forward = (request: ForwardedRequest) => Promise<ForwardedResponse>;

/** Bytes up to which a body is read at once. A stream costs a quarter of a millisecond. */
const MAX_SHORT_BYTES = 1_000_000;

/** Maximum bytes of a response that is read as a whole. */
const MAX_BYTES = 64_000_000;

/** Response headers that clients of Chroma read. */
const PASSED_HEADERS = ["content-type", "chroma-trace-id"];

/** Connections to Chroma. */
const MAX_SOCKETS = 256;

/** Creates the sender of one process. `timeoutMs` limits the time until the response is complete. */
export function createForward(options: ChromaOptions, { timeoutMs }: { readonly timeoutMs: number }): Forward {
  const address = parseAddress(options.url);
  const base = `${address.origin}${address.pathname.replace(/\/+$/, "")}`;
  const headers = requestHeaders(options, address);
  const secure = address.protocol === "https:";
  const settings = { keepAlive: true, maxSockets: MAX_SOCKETS, noDelay: true };
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings);
  const send: Forward = ({ method, path, body, repeatable = false }) =>
    new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        // The server has closed an idle connection at the moment when it was used again.
        const isStale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        if (isStale && repeatable) resolve(send({ method, path, body }));
        else reject(unavailable(error));
      };
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const request = (secure ? requestHttps : requestHttp)(`${base}${path}`, {
        method,
        headers: { ...headers, ...length },
        agent,
      });
      const deadline = setTimeout(
        () => request.destroy(new Error(`no response within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      request
        .once("response", (response) => resolve(toForwarded(response)))
        .once("error", fail)
        .once("close", () => clearTimeout(deadline))
        .end(body);
    });
  return send;
}

function toForwarded(response: IncomingMessage): ForwardedResponse {
  const { statusCode: status = 502, headers } = response;
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  const bytes = () => readBytes(response).catch((error: Error) => Promise.reject(unavailable(error)));
  const passed = PASSED_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return {
    status,
    headers: Object.fromEntries(passed),
    length,
    bytes,
    async body() {
      if (length !== undefined && length <= MAX_SHORT_BYTES) return new Uint8Array(await bytes());
      return Readable.toWeb(response) as ReadableStream<Uint8Array>;
    },
  };
}

async function readBytes(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`the response is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error("the response ended early");
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Throws `source_unavailable` if Chroma fails, so that its failure is not taken for an answer. */
export function assertAnswered({ status }: Pick<ForwardedResponse, "status">): void {
  if (status < 500 && status !== 429) return;
  throw new AppError(
    "source_unavailable",
    `Chroma responded with ${status}. Check that it runs, and send the request again.`,
  );
}

/** Clients read the message, so it does not name the address. */
function unavailable(cause: Error): AppError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new AppError(
    "source_unavailable",
    `The Chroma server did not answer: ${code ?? message}. Check that it runs and that the gateway reaches it, and send the request again.`,
    { cause },
  );
}
