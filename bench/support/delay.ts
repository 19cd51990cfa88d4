import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

/** A proxy on loopback before a database: whatever arrives is handed on `delay` milliseconds later, each way. */
export async function delayingProxy(
  url: string,
  delay: number,
): Promise<{ readonly url: string; stop(): void }> {
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
      const hand = (bytes: Buffer) => void (to.writable && to.write(bytes));
      // At once where there is no delay: a timer waits a millisecond at least.
      from.on("data", (bytes) => (delay === 0 ? hand(bytes) : setTimeout(hand, delay, bytes)));
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
