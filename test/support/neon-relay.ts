import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { json } from "node:stream/consumers";
import { neonConfig } from "@neondatabase/serverless";
import { Client, type QueryArrayResult } from "pg";
import { type WebSocket, WebSocketServer } from "ws";

export interface NeonRelay {
  readonly port: number;
  /** HTTP requests and WebSocket connections so far. */
  readonly counts: { http: number; sockets: number };
  /** Terminates every WebSocket connection without a close frame. */
  cut(): void;
  stop(): Promise<void>;
}

interface Query {
  readonly query: string;
  readonly params: readonly unknown[];
}

/**
 * A copy of Neon's proxy on loopback, in front of any Postgres: `/sql` runs statements and batches over HTTP, `/v2` tunnels
 * the Postgres protocol through a WebSocket. Configures Neon's driver in this process to use it.
 */
export async function startNeonRelay(): Promise<NeonRelay> {
  const counts = { http: 0, sockets: 0 };
  const server = createServer((request, response) => {
    counts.http++;
    respond(request, response).catch((error) => response.destroy(error));
  });
  const sockets = new WebSocketServer({ server, path: "/v2" });
  sockets.on("connection", (socket, request) => {
    counts.sockets++;
    tunnel(socket, new URL(request.url ?? "", "http://relay").searchParams.get("address") ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  neonConfig.fetchEndpoint = () => `http://127.0.0.1:${port}/sql`;
  neonConfig.wsProxy = (host, hostPort) => `127.0.0.1:${port}/v2?address=${host}:${hostPort}`;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineConnect = false;
  neonConfig.pipelineTLS = false;
  const cut = () => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    port,
    counts,
    cut,
    async stop() {
      cut();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tunnel(socket: WebSocket, address: string): void {
  const [host = "", port = ""] = address.split(":");
  const upstream = connect({ host, port: Number(port) });
  socket.on("message", (data: Buffer) => upstream.write(data));
  socket.on("close", () => upstream.destroy());
  socket.on("error", () => upstream.destroy());
  upstream.on("data", (data) => socket.send(data));
  upstream.on("close", () => socket.close());
  upstream.on("error", () => socket.terminate());
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, value } = await runBatch(request);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Runs the statements of a request. The connection is closed before the response: afterwards a test may drop the database. */
async function runBatch(request: IncomingMessage): Promise<{ readonly status: number; readonly value: object }> {
  const body = (await json(request)) as Query | { readonly queries: readonly Query[] };
  const client = new Client({ connectionString: String(request.headers["neon-connection-string"]) });
  try {
    await client.connect();
    if (!("queries" in body)) return { status: 200, value: await run(client, body) };
    await client.query("BEGIN");
    const results: object[] = [];
    for (const query of body.queries) results.push(await run(client, query));
    await client.query("COMMIT");
    return { status: 200, value: { results } };
  } catch (error) {
    const { message, code, severity, detail, constraint, column } = error as Record<string, string>;
    return { status: 400, value: { message, code, severity, detail, constraint, column } };
  } finally {
    await client.end().catch(() => {});
  }
}

/** Runs a query. All values are returned as text; the driver parses them by the columns' types. */
async function run(client: Client, { query, params }: Query): Promise<object> {
  const { rows, fields, command, rowCount } = (await client.query({
    text: query,
    values: [...params],
    rowMode: "array",
    types: { getTypeParser: () => (text: string) => text },
  } as never)) as unknown as QueryArrayResult;
  const columns = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
  return { rows, fields: columns, command, rowCount, rowAsArray: true };
}
