import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What happens to a request instead of the normal response. */
export type Fault =
  /** A response of the proxy. The server never sees the request. */
  | { readonly kind: "answer"; readonly status: number; readonly body?: string; readonly type?: string }
  /** The server's response, with the connection cut after so many bytes of the body. */
  | { readonly kind: "cut"; readonly after: number }
  /** This share (0 to 1) of the server's response, as a complete, valid HTTP response. */
  | { readonly kind: "truncate"; readonly share: number }
  /** The server's response, with its text changed by `change`. */
  | { readonly kind: "change"; readonly change: (body: string) => string }
  /** The server's response, sent in the parts that `split` yields, as the client reads them. */
  | { readonly kind: "stream"; readonly split: (body: string) => Iterable<string | Buffer> }
  /** No response. */
  | { readonly kind: "hang" };

/** A request that the proxy received. */
export interface SeenRequest {
  readonly method: string;
  /** With the query, without the proxy's prefix. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Returns the fault of a request; undefined: it is forwarded. May wait, or change the server in the meantime. */
export type Rule = (request: SeenRequest) => Fault | undefined | Promise<Fault | undefined>;

export interface HttpProxy {
  readonly url: string;
  /** Every request so far, including those with a fault. */
  readonly seen: readonly SeenRequest[];
  /** The first rule that returns a fault applies. Can be changed at any time. */
  rules: readonly Rule[];
  stop(): Promise<void>;
}

export interface HttpProxyOptions {
  readonly rules?: readonly Rule[];
  /** Paths outside the prefix are 404. Example: `/chroma`. */
  readonly prefix?: string;
  /** PEM. The proxy then uses HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Starts a loopback proxy for an HTTP server that can inject faults. */
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
    const seenRequest: SeenRequest = { method, path, headers, body };
    seen.push(seenRequest);
    const fault = await firstFault(proxy.rules, seenRequest);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "answer") return reply(response, fault.status, fault.body ?? `{"error":"proxy"}`, fault.type);
    const upstreamResponse = await fetch(`${target}${path}`, {
      method,
      headers: { "content-type": headers["content-type"] ?? "application/json" },
      body: method === "GET" ? undefined : body,
    });
    const bytes = Buffer.from(await upstreamResponse.arrayBuffer());
    if (fault?.kind === "truncate")
      return reply(response, upstreamResponse.status, bytes.subarray(0, Math.floor(bytes.length * fault.share)));
    if (fault?.kind === "change")
      return reply(response, upstreamResponse.status, Buffer.from(fault.change(`${bytes}`)));
    if (fault?.kind === "stream") return stream(response, upstreamResponse.status, fault.split(`${bytes}`));
    if (fault?.kind !== "cut") return reply(response, upstreamResponse.status, bytes);
    response.writeHead(upstreamResponse.status, {
      "content-length": bytes.length,
      "content-type": "application/json",
    });
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

/** Applies the fault to the first `count` matching requests. */
export function times(count: number, fault: Fault, matches: (request: SeenRequest) => boolean): Rule {
  let remaining = count;
  return (request) => (matches(request) && remaining-- > 0 ? fault : undefined);
}

/** Applies the fault to every matching request. */
export function always(fault: Fault, matches: (request: SeenRequest) => boolean): Rule {
  return (request) => (matches(request) ? fault : undefined);
}

/** Whether the request fetches records by their ids. */
export const isFetch = ({ path, body }: SeenRequest): boolean => path.endsWith("/get") && body.includes('"ids"');
/** Whether the request lists ids. */
export const isListing = ({ path, body }: SeenRequest): boolean => path.endsWith("/get") && !body.includes('"ids"');
/** Whether the request fetches vectors of records that include this id. */
export const isVectorFetchOf =
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

function reply(response: ServerResponse, status: number, body: string | Buffer, type = "application/json"): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

async function stream(response: ServerResponse, status: number, parts: Iterable<string | Buffer>): Promise<void> {
  response.writeHead(status, { "content-type": "application/json" });
  // If the client closes the connection, the remaining parts are not generated.
  await pipeline(Readable.from(parts), response).catch(() => {});
}

/** A connection through the TCP proxy. */
export interface ProxiedConnection {
  /** 0 for the first connection. */
  readonly index: number;
  /** The bytes that the client has sent so far, including the current chunk. */
  readonly sent: Buffer;
}

export interface TcpProxy {
  readonly port: number;
  /** Connections cut so far. */
  readonly cuts: number;
  /**
   * Called with every chunk from the client. A number: the connection is cut after so many bytes of the chunk. `response`: the
   * complete chunk reaches the server, and the server's response is lost.
   */
  onSend: (chunk: Buffer, connection: ProxiedConnection) => number | "response" | undefined;
  stop(): Promise<void>;
}

/** Starts a loopback proxy for a TCP server that can cut connections. */
export async function startTcpProxy(
  target: { readonly host: string; readonly port: number },
  ownPort = 0,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const proxy = { cuts: 0, onSend: (() => undefined) as TcpProxy["onSend"] };
  let index = 0;
  const server = createTcpServer((client) => {
    const upstream = connect(target);
    const connection = { index: index++, sent: Buffer.alloc(0) };
    let isResponseLost = false;
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
      connection.sent = Buffer.concat([connection.sent, chunk]);
      const end = proxy.onSend(chunk, connection);
      if (typeof end === "number") upstream.write(chunk.subarray(0, end), cut);
      else upstream.write(chunk);
      if (end === "response") isResponseLost = true;
    });
    upstream.on("data", (chunk: Buffer) => {
      if (isResponseLost) cut();
      else client.write(chunk);
    });
  });
  const port = await listen(server, ownPort);
  return Object.assign(proxy, {
    port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function listen(server: Server, ownPort = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(ownPort, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
