import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

export interface Exchange {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of the answer that are read at most. Default `MAX_ANSWER_BYTES`. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** The content type, without parameters; empty where there is none. */
  readonly type: string;
  readonly body: Buffer;
  /** Where a redirect leads. */
  readonly location: string | undefined;
  /** Gives the body's memory back for another answer. Optional; nothing may read the body afterwards. */
  release(): void;
}

/** Sends one request and gives back the whole answer. Rejects where there is none within `timeout` milliseconds. */
export type HttpSend = (url: string, exchange: Exchange, timeout: number) => Promise<HttpAnswer>;

/**
 * HTTP with connections kept alive, on Node's own client rather than `fetch`: with Node 24.21's fetch, a server that had
 * stopped answering was waited for without end, as its AbortSignal.timeout had been collected as garbage. This deadline
 * is a timer that holds the process, and it destroys the connection.
 */
export function createHttpSend(): HttpSend {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true }),
    "https:": new HttpsAgent({ keepAlive: true }),
  };
  const bodies = createBodies();
  return (url, { method, headers, body, maxBytes = MAX_ANSWER_BYTES }, timeout) =>
    new Promise((resolve, reject) => {
      const secure = url.startsWith("https:");
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const request = (secure ? requestHttps : requestHttp)(url, {
        method,
        headers: { ...headers, ...length },
        agent: agents[secure ? "https:" : "http:"],
      });
      const deadline = setTimeout(
        () => request.destroy(new Error(`no answer within ${timeout / 1000} s`)),
        timeout,
      );
      request
        .once("response", (response) => readAnswer(response, bodies, maxBytes).then(resolve, reject))
        .once("error", reject)
        .once("close", () => clearTimeout(deadline))
        .end(body);
    });
}

/** Bytes of an answer that are read at most. An answer of several records is bounded by `MAX_PAGE_BYTES`. */
export const MAX_ANSWER_BYTES = 24_000_000;

/** An answer that is larger than what is read of it. */
export class AnswerTooLarge extends Error {}

function refuse(response: IncomingMessage, maxBytes: number): never {
  response.destroy();
  throw new AnswerTooLarge(`its answer has more than ${maxBytes} bytes`);
}

async function readAnswer(response: IncomingMessage, bodies: Bodies, maxBytes: number): Promise<HttpAnswer> {
  const announced = Number(response.headers["content-length"] ?? 0);
  if (announced > maxBytes) refuse(response, maxBytes);
  let memory = bodies.take(announced);
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (length + chunk.length > maxBytes) refuse(response, maxBytes);
    if (length + chunk.length > memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * (length + chunk.length), maxBytes));
      memory.copy(larger, 0, 0, length);
      memory = larger;
    }
    length += chunk.copy(memory, length);
  }
  if (!response.complete) throw new Error("the answer broke off");
  return {
    status: response.statusCode ?? 0,
    type: response.headers["content-type"]?.split(";")[0] ?? "",
    location: response.headers.location,
    body: memory.subarray(0, length),
    release: () => bodies.give(memory),
  };
}

interface Bodies {
  take(size: number): Buffer;
  give(memory: Buffer): void;
}

const SMALLEST = 65_536; // bytes
const SPARE = 4;
const LARGEST = 16_000_000; // bytes

/**
 * Memory for answers of megabytes, used again: made anew for each, it cost the garbage collector a tenth of the time
 * that a migration takes.
 */
function createBodies(): Bodies {
  const spare: Buffer[] = [];
  return {
    take(size) {
      const memory = spare.pop();
      return memory && memory.length >= size ? memory : Buffer.allocUnsafeSlow(Math.max(size, SMALLEST));
    },
    give(memory) {
      if (spare.length < SPARE && memory.length <= LARGEST) spare.push(memory);
    },
  };
}
