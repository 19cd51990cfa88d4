import { AppError } from "@cairn/core/error.ts";
import { type HttpBindings, type ServerType, serve } from "@hono/node-server";
import type { ServeFlags } from "./options.ts";

/** Milliseconds within which a request's headers have to arrive. */
const HEADERS_TIMEOUT = 10_000;

/** Milliseconds beyond a request's own time within which its body has to arrive: a client that sends it byte by byte is cut off. */
const BODY_GRACE = 5_000;

/** Milliseconds between two looks after connections that are too slow. */
const CHECK_INTERVAL = 1_000;

/** Bytes of a request's line and headers. */
const MAX_HEADER_SIZE = 16_384;

export type Answer = (request: Request, bindings: HttpBindings) => Response | Promise<Response>;

/** Serves `answer` over HTTP. Clients that are slow with headers or body are answered 408, more than `maxConnections` turned away. */
export function listen(
  answer: Answer,
  { host, port, deadline = 25_000, maxConnections }: ServeFlags,
): Promise<{ readonly server: ServerType; readonly url: string }> {
  return new Promise((resolve, reject) => {
    const serverOptions = {
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: Math.max(HEADERS_TIMEOUT, deadline + BODY_GRACE),
      connectionsCheckingInterval: CHECK_INTERVAL,
      maxHeaderSize: MAX_HEADER_SIZE,
    };
    const fetch = (request: Request, bindings: unknown) => answer(request, bindings as HttpBindings);
    const server = serve({ fetch, hostname: host, port, serverOptions }, (address) =>
      resolve({ server, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` }),
    );
    server.maxConnections = maxConnections;
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new AppError(
          "invalid_input",
          `The port ${port} of ${host} cannot be listened on (${error.code}). Choose another with --port.`,
          {
            path: "--port",
            cause: error,
          },
        ),
      ),
    );
  });
}
