import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What happens to a request instead of a plain answer. */
export type Fault =
  /** An answer of the proxy's own; the server never sees the request. */
  | { readonly kind: "answer"; readonly status: number; readonly body?: string; readonly type?: string }
  /** The server's answer, with the connection cut after so many bytes of its body. */
  | { readonly kind: "cut"; readonly after: number }
  /** The server's answer, of which this share (0 to 1) arrives as a complete, valid HTTP response. */
  | { readonly kind: "truncate"; readonly share: number }
  /** The server's answer, as `change` makes it of its text. */
  | { readonly kind: "change"; readonly change: (body: string) => string }
  /** The server's answer, sent in the parts that `split` makes of its text, as the client takes them. */
  | { readonly kind: "stream"; readonly split: (body: string) => Iterable<string | Buffer> }
  /** No answer ever. */
  | { readonly kind: "hang" };

export interface SeenRequest {
  readonly method: string;
  /** With the query, without the proxy's prefix. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Decides about a request; undefined: it passes. May wait, or do something to the server meanwhile. */
export type Rule = (request: SeenRequest) => Fault | undefined | Promise<Fault | undefined>;

export interface HttpProxy {
  readonly url: string;
  /** Every request so far, those with a fault included. */
  readonly seen: readonly SeenRequest[];
  /** The first rule that names a fault wins. Change it at any time. */
  rules: readonly Rule[];
  stop(): Promise<void>;
}

export interface HttpProxyOptions {
  readonly rules?: readonly Rule[];
  /** Paths outside of it are 404: `/chroma`. */
  readonly prefix?: string;
  /** PEM: speaks HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A proxy on loopback before an HTTP server, with faults. */
export async function startHttpProxy(target: string, options: HttpProxyOptions = {}): Promise<HttpProxy> {
  const { prefix = "", tls } = options;
  const seen: SeenRequest[] = [];
  const proxy = { rules: options.rules ?? [], seen };
  const listener: RequestListener = (request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    const body = await readBody(request);
    if (!url.startsWith(prefix)) return reply(response, 404, "<html>nothing here</html>", "text/html");
    const { method = "GET", headers } = request;
    const path = url.slice(prefix.length);
    const one: SeenRequest = { method, path, headers, body };
    seen.push(one);
    const fault = await firstFault(proxy.rules, one);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "answer")
      return reply(response, fault.status, fault.body ?? `{"error":"proxy"}`, fault.type);
    const answer = await fetch(`${target}${path}`, {
      method,
      headers: { "content-type": headers["content-type"] ?? "application/json" },
      body: method === "GET" ? undefined : body,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (fault?.kind === "truncate")
      return reply(response, answer.status, bytes.subarray(0, Math.floor(bytes.length * fault.share)));
    if (fault?.kind === "change")
      return reply(response, answer.status, Buffer.from(fault.change(`${bytes}`)));
    if (fault?.kind === "stream") return stream(response, answer.status, fault.split(`${bytes}`));
    if (fault?.kind !== "cut") return reply(response, answer.status, bytes);
    response.writeHead(answer.status, { "content-length": bytes.length, "content-type": "application/json" });
    response.write(bytes.subarray(0, Math.min(fault.after, bytes.length - 1)), () => response.destroy());
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  const port = await listen(server);
  return Object.assign(proxy, {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}${prefix}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** The fault for the first `count` requests that `matches`. */
export function times(count: number, fault: Fault, matches: (request: SeenRequest) => boolean): Rule {
  let left = count;
  return (request) => (matches(request) && left-- > 0 ? fault : undefined);
}

/** The fault for every request that `matches`. */
export function always(fault: Fault, matches: (request: SeenRequest) => boolean): Rule {
  return (request) => (matches(request) ? fault : undefined);
}

/** Asks for records by their ids. */
export const isFetch = ({ path, body }: SeenRequest): boolean =>
  path.endsWith("/get") && body.includes('"ids"');
/** Asks for a list of ids. */
export const isListing = ({ path, body }: SeenRequest): boolean =>
  path.endsWith("/get") && !body.includes('"ids"');
/** Asks for vectors of records of which one has this id. */
export const asksVectorOf =
  (id: string) =>
  (request: SeenRequest): boolean =>
    isFetch(request) && request.body.includes(JSON.stringify(id)) && request.body.includes('"embeddings"');

async function firstFault(rules: readonly Rule[], request: SeenRequest): Promise<Fault | undefined> {
  for (const rule of rules) {
    const fault = await rule(request);
    if (fault) return fault;
  }
  return undefined;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function reply(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = "application/json",
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

async function stream(
  response: ServerResponse,
  status: number,
  parts: Iterable<string | Buffer>,
): Promise<void> {
  response.writeHead(status, { "content-type": "application/json" });
  // Where the client hangs up, the rest is not made.
  await pipeline(Readable.from(parts), response).catch(() => {});
}

/** One connection through the TCP proxy. */
export interface Wire {
  /** 0 for the first. */
  readonly index: number;
  /** What the client has sent over it so far, the chunk at hand included. */
  readonly sent: Buffer;
}

export interface TcpProxy {
  readonly port: number;
  /** Connections cut so far. */
  readonly cuts: number;
  /**
   * Asked with every chunk of the client's: a number is how many bytes of the chunk still reach the server before the
   * connection is cut; `answer`: all of it reaches the server, and the server's answer to it is lost.
   */
  onSend: (chunk: Buffer, wire: Wire) => number | "answer" | undefined;
  stop(): Promise<void>;
}

/** A proxy on loopback before a TCP server, which cuts connections where it is told to. */
export async function startTcpProxy(
  target: { readonly host: string; readonly port: number },
  own = 0,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const proxy = { cuts: 0, onSend: (() => undefined) as TcpProxy["onSend"] };
  let index = 0;
  const server = createTcpServer((client) => {
    const upstream = connect(target);
    const wire = { index: index++, sent: Buffer.alloc(0) };
    let deaf = false;
    const cut = () => {
      proxy.cuts++;
      client.destroy();
      upstream.destroy();
    };
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      wire.sent = Buffer.concat([wire.sent, chunk]);
      const end = proxy.onSend(chunk, wire);
      if (typeof end === "number") upstream.write(chunk.subarray(0, end), cut);
      else upstream.write(chunk);
      if (end === "answer") deaf = true;
    });
    upstream.on("data", (chunk: Buffer) => {
      if (deaf) cut();
      else client.write(chunk);
    });
  });
  const port = await listen(server, own);
  return Object.assign(proxy, {
    port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function listen(server: Server, own = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(own, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
