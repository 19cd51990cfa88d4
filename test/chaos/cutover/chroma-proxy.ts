import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.ts";

/**
 * What happens to a request. `refuse`: it is answered with 500 and not forwarded. `fail`: it is forwarded, and answered with 500.
 * `cut`: the connection is cut before Chroma sees it. `lose`: the connection is cut before the response. `delay`: it is forwarded later,
 * also if the client has given up by then.
 */
const FAULTS = ["refuse", "fail", "cut", "lose", "delay"] as const;

export type ChromaFault = (typeof FAULTS)[number];

export interface ChromaProxy {
  readonly url: string;
  /** Share of the requests that fail, 0 to 1. */
  faultShare: number;
  /** Faults so far, by kind. */
  readonly faults: Readonly<Record<ChromaFault, number>>;
  stop(): Promise<void>;
}

/** Milliseconds of a delay: longer than the time limit of the gateway, and shorter than the time after which a request has ended. */
const MAX_DELAY_MS = 2_800;

/** Starts a proxy in front of a Chroma server. */
export async function startChromaProxy(target: string, random: Random): Promise<ChromaProxy> {
  const agent = new Agent({ keepAlive: false });
  const faults: Record<ChromaFault, number> = { refuse: 0, fail: 0, cut: 0, lose: 0, delay: 0 };
  const proxy = { faultShare: 0, faults };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const fault = random.chance(proxy.faultShare) ? random.pick(FAULTS) : undefined;
    if (fault) faults[fault]++;
    if (fault === "cut") return void response.destroy();
    if (fault === "refuse") return reply(response, 500);
    if (fault === "delay") await sleep(random.below(MAX_DELAY_MS));
    const answered = await forward(request, body);
    if (fault === "lose") response.destroy();
    else if (fault === "fail") reply(response, 500);
    else response.writeHead(answered.status, answered.headers).end(answered.body);
  }

  const forward = (request: IncomingMessage, body: Buffer) =>
    new Promise<{ status: number; headers: Record<string, string>; body: Buffer }>((resolve, reject) => {
      const headers = {
        "content-type": request.headers["content-type"] ?? "application/json",
        "content-length": body.length,
      };
      send(`${target}${request.url}`, { method: request.method, headers, agent })
        .once("error", reject)
        .once("response", (answer) => {
          buffer(answer).then(
            (bytes) =>
              resolve({
                status: answer.statusCode ?? 502,
                headers: { "content-type": answer.headers["content-type"] ?? "application/json" },
                body: bytes,
              }),
            reject,
          );
        })
        .end(body);
    });

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function reply(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`{"error":"Fault","message":"fault"}`);
}
