import type { Bindings } from "@cairn/api/context.ts";
import type { HttpBindings, ServerType } from "@hono/node-server";
import { createAddressReader } from "./address.ts";
import { listen } from "./listen.ts";
import type { ServeFlags } from "./options.ts";
import { PRIVATE_LISTEN, parsePrivateListen } from "./private-listen.ts";

interface App {
  fetch(request: Request, bindings: Bindings): Response | Promise<Response>;
}

export interface Listeners {
  readonly servers: readonly ServerType[];
  readonly url: string;
  /** Undefined: there is no private address. */
  readonly privateUrl: string | undefined;
}

/**
 * Serves an app at `host` and `port`. With `privateListen` it is served there as well, and `/metrics`, `/docs` and
 * `/openapi.json` only there. Throws `invalid_input` for an address that cannot be used.
 */
export async function listenForRequests(app: App, flags: ServeFlags): Promise<Listeners> {
  const privateAddress = parsePrivateListen(flags.privateListen);
  const addressOf = createAddressReader(flags.trustedProxies);
  const handle = (request: Request, { incoming }: HttpBindings, hidesPrivatePaths: boolean) =>
    app.fetch(request, { address: addressOf(incoming), hidesPrivatePaths });
  const internal = privateAddress
    ? await listen((request, bindings) => handle(request, bindings, false), {
        ...flags,
        ...privateAddress,
        option: PRIVATE_LISTEN,
      })
    : undefined;
  const open = await listen((request, bindings) => handle(request, bindings, internal !== undefined), flags).catch(
    (error) => {
      internal?.server.close(); // it would keep the process running
      throw error;
    },
  );
  return {
    servers: internal ? [open.server, internal.server] : [open.server],
    url: open.url,
    privateUrl: internal?.url,
  };
}
