import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

/** Starts a proxy in front of a database that forwards data `delay` milliseconds later, in both directions. */
export async function startDelayingProxy(url: string, delay: number): Promise<{ readonly url: string; stop(): void }> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      const forward = (bytes: Buffer) => void (to.writable && to.write(bytes));
      // Without a delay there is no timer, because a timer waits at least one millisecond.
      from.on("data", (bytes) => (delay === 0 ? forward(bytes) : setTimeout(forward, delay, bytes)));
      from.on("close", () => to.destroy());
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxied = new URL(url);
  proxied.hostname = "127.0.0.1";
  proxied.port = String((server.address() as AddressInfo).port);
  return {
    url: proxied.href,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
