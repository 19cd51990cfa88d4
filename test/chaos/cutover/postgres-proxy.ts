import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A proxy in front of PostgreSQL that can cut connections. */
export interface PostgresProxy {
  readonly port: number;
  /** Share of the requests, 0 to 1, of which the connection is cut: half of them before the server sees them, half before it answers. */
  cutShare: number;
  readonly cuts: number;
  /** Whether a value of this text went through, such as the token of a lease. */
  hasSeen(uuid: string): boolean;
  /** Cuts all connections. */
  cutAll(): void;
  stop(): Promise<void>;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Starts a proxy in front of a PostgreSQL server. `chance` decides each cut. */
export async function startPostgresProxy(
  target: { readonly host: string; readonly port: number },
  chance: (probability: number) => boolean,
): Promise<PostgresProxy> {
  const pairs = new Set<() => void>();
  const seen = new Set<string>();
  const proxy = { cutShare: 0, cuts: 0 };
  const server = createServer((client: Socket) => {
    const upstream = connect({ ...target, noDelay: true });
    client.setNoDelay(true);
    let losesAnswer = false;
    const close = () => {
      pairs.delete(close);
      client.destroy();
      upstream.destroy();
    };
    const cut = () => {
      proxy.cuts++;
      close();
    };
    pairs.add(close);
    for (const socket of [client, upstream]) socket.on("error", close).on("close", close);
    client.on("data", (chunk: Buffer) => {
      for (const uuid of chunk.toString("latin1").match(UUID) ?? []) seen.add(uuid);
      if (proxy.cutShare > 0 && chance(proxy.cutShare)) {
        if (chance(0.5)) return cut();
        losesAnswer = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (losesAnswer) cut();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(proxy, {
    port: (server.address() as AddressInfo).port,
    hasSeen: (uuid: string) => seen.has(uuid),
    cutAll() {
      for (const close of [...pairs]) {
        proxy.cuts++;
        close();
      }
    },
    async stop() {
      for (const close of [...pairs]) close();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
