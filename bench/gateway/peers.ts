import type { Peer } from "../chroma-api/peer.ts";
import { httpClient, type Send } from "../support/http-client.ts";

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** The ways of an application's request. Each has a collection of its own with the same records. */
export interface Peers {
  readonly gateway: Peer;
  /** The Chroma server behind the gateway, called directly. */
  readonly chroma: Peer;
  /** The same Chroma server behind a proxy that does nothing else. */
  readonly proxy: Peer;
  /** A Cairn service without a Chroma server. */
  readonly cairn: Peer;
}

export interface Addresses {
  readonly gateway: string;
  readonly chroma: string;
  readonly proxy: string;
  readonly cairn: string;
  /** Keys of the two namespaces. */
  readonly keys: { readonly gateway: string; readonly cairn: string };
}

/** The tenant that moves. Cairn without a gateway serves another one. */
export const MOVING_TENANT = "moving";

const CONNECTIONS = 4;

/** Creates an empty collection on each of them, and the senders of its requests. */
export async function createPeers({ gateway, chroma, proxy, cairn, keys }: Addresses, space: string): Promise<Peers> {
  const withKey = (key: string) => httpClient(CONNECTIONS, { "X-Chroma-Token": key });
  return {
    gateway: await createPeer(withKey(keys.gateway), {
      name: "Gateway",
      url: gateway,
      collection: `tenant_${MOVING_TENANT}_${space}`,
    }),
    chroma: await createPeer(httpClient(CONNECTIONS), {
      name: "Chroma",
      url: chroma,
      collection: `tenant_direct_${space}`,
    }),
    proxy: await createPeer(httpClient(CONNECTIONS), {
      name: "Bare proxy",
      url: proxy,
      collection: `tenant_proxied_${space}`,
    }),
    cairn: await createPeer(withKey(keys.cairn), { name: "Cairn", url: cairn, collection: `tenant_alone_${space}` }),
  };
}

async function createPeer(
  send: Send,
  { name, url, collection }: { readonly name: string; readonly url: string; readonly collection: string },
): Promise<Peer> {
  const database = `${url}${DATABASE}`;
  const body = { name: collection, configuration: { hnsw: { space: "cosine" } } };
  const { id } = JSON.parse(await send("POST", `${database}/collections`, JSON.stringify(body))) as { id: string };
  return { name, send, database, collection: `${database}/collections/${id}` };
}
