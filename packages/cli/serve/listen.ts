import { AppError } from "@cairn/core/error.ts";
import { type HttpBindings, type ServerType, serve } from "@hono/node-server";
import type { ServeFlags } from "./options.ts";

/** Where to listen, and the limits of the server. */
export type ListenOptions = Pick<ServeFlags, "host" | "port" | "deadline" | "maxConnections"> & {
  /** The option that the error names if the address cannot be used. Default `--port`. */
  readonly option?: string;
};

/** Time limit for receiving the headers of a request, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;

/** Time added to a request's deadline for receiving its body, in milliseconds. It stops a client that sends byte by byte. */
const BODY_GRACE_MS = 5_000;

/** Interval between two checks for slow connections, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/** Maximum size of a request's line and headers, in bytes. */
const MAX_HEADER_BYTES = 16_384;

export type RequestHandler = (request: Request, bindings: HttpBindings) => Response | Promise<Response>;

/**
 * Serves a request handler over HTTP. A client that is slow to send headers or body gets 408. Connections beyond
 * `maxConnections` are closed.
 */
export function listen(
  handler: RequestHandler,
  { host, port, deadline = 25_000, maxConnections, option = "--port" }: ListenOptions,
): Promise<{ readonly server: ServerType; readonly url: string }> {
  return new Promise((resolve, reject) => {
    const serverOptions = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: Math.max(HEADERS_TIMEOUT_MS, deadline + BODY_GRACE_MS),
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    const fetch = (request: Request, bindings: unknown) => handler(request, bindings as HttpBindings);
    const server = serve({ fetch, hostname: host, port, serverOptions }, (address) =>
      resolve({ server, url: `http://${clientHost(host)}:${address.port}` }),
    );
    server.maxConnections = maxConnections;
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new AppError(
          "invalid_input",
          `Cairn cannot listen on port ${port} of ${host} (${error.code}). Choose another port with ${option}.`,
          { path: option, cause: error },
        ),
      ),
    );
  });
}

/** The host in the URL of a client on the same machine. */
function clientHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost"; // every address of the machine
  return host.includes(":") ? `[${host}]` : host;
}
