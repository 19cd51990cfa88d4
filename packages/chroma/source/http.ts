import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

export interface Exchange {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** The content type, without parameters; empty where there is none. */
  readonly type: string;
  readonly body: Buffer;
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
  return (url, { method, headers, body }, timeout) =>
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
        .once("response", (response) => readAnswer(response).then(resolve, reject))
        .once("error", reject)
        .once("close", () => clearTimeout(deadline))
        .end(body);
    });
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (!response.complete) throw new Error("the answer broke off");
  return {
    status: response.statusCode ?? 0,
    type: response.headers["content-type"]?.split(";")[0] ?? "",
    body: Buffer.concat(chunks),
  };
}
