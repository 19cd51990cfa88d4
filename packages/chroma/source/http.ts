import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

/** One request to the server. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Maximum bytes of the response. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

/** A complete response. */
export interface HttpResponse {
  readonly status: number;
  /** The content type without parameters; empty if there is none. */
  readonly type: string;
  readonly body: Buffer;
  /** Target of a redirect. */
  readonly location: string | undefined;
  /** Returns the body's buffer to the pool. Optional. The body must not be read afterwards. */
  release(): void;
}

/** Sends one request and returns the complete response. Rejects if it does not arrive within `timeout` milliseconds. */
export type HttpSend = (url: string, request: HttpRequest, timeout: number) => Promise<HttpResponse>;

/**
 * Creates an HTTP sender with keep-alive connections. It uses `node:http` instead of `fetch`: in Node 24.21, a fetch from a
 * server that stopped responding never ended, because its AbortSignal.timeout had been garbage-collected. The timeout here
 * is a timer that keeps the process alive and destroys the connection.
 */
export function createHttpSend(): HttpSend {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true }),
    "https:": new HttpsAgent({ keepAlive: true }),
  };
  const buffers = createBufferPool();
  return (url, { method, headers, body, maxBytes = MAX_RESPONSE_BYTES }, timeout) =>
    new Promise((resolve, reject) => {
      const secure = url.startsWith("https:");
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const request = (secure ? requestHttps : requestHttp)(url, {
        method,
        headers: { ...headers, ...length },
        agent: agents[secure ? "https:" : "http:"],
      });
      const deadline = setTimeout(() => request.destroy(new Error(`no response within ${timeout / 1000} s`)), timeout);
      request
        .once("response", (response) => readResponse(response, buffers, maxBytes).then(resolve, reject))
        .once("error", reject)
        .once("close", () => clearTimeout(deadline))
        .end(body);
    });
}

/** Maximum bytes of a response. A response with several records is limited by `MAX_PAGE_BYTES`. */
export const MAX_RESPONSE_BYTES = 24_000_000;

/** A response that exceeds its maximum size. */
export class ResponseTooLarge extends Error {}

function rejectTooLarge(response: IncomingMessage, maxBytes: number): never {
  response.destroy();
  throw new ResponseTooLarge(`its response is larger than ${maxBytes} bytes`);
}

async function readResponse(response: IncomingMessage, buffers: BufferPool, maxBytes: number): Promise<HttpResponse> {
  const contentLength = Number(response.headers["content-length"] ?? 0);
  if (contentLength > maxBytes) rejectTooLarge(response, maxBytes);
  let buffer = buffers.acquire(contentLength);
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (length + chunk.length > maxBytes) rejectTooLarge(response, maxBytes);
    if (length + chunk.length > buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * (length + chunk.length), maxBytes));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    length += chunk.copy(buffer, length);
  }
  if (!response.complete) throw new Error("the response ended early");
  return {
    status: response.statusCode ?? 0,
    type: response.headers["content-type"]?.split(";")[0] ?? "",
    location: response.headers.location,
    body: buffer.subarray(0, length),
    release: () => buffers.release(buffer),
  };
}

type BufferPool = ReturnType<typeof createBufferPool>;

const MIN_BUFFER_BYTES = 65_536;
const MAX_POOLED_BUFFERS = 4;
const MAX_POOLED_BUFFER_BYTES = 16_000_000;

/**
 * A pool of buffers for responses of several megabytes. Allocating a new buffer for each response took a tenth of a
 * migration's time in the garbage collector.
 */
function createBufferPool() {
  const pool: Buffer[] = [];
  return {
    acquire(size: number): Buffer {
      const buffer = pool.pop();
      return buffer && buffer.length >= size ? buffer : Buffer.allocUnsafeSlow(Math.max(size, MIN_BUFFER_BYTES));
    },
    release(buffer: Buffer): void {
      if (pool.length < MAX_POOLED_BUFFERS && buffer.length <= MAX_POOLED_BUFFER_BYTES) pool.push(buffer);
    },
  };
}
