import { setTimeout as sleep } from "node:timers/promises";
import { type ChromaClient, ChromaFault } from "./client.ts";
import { parseRecords } from "./parse.ts";
import { collectionPath } from "./path.ts";
import type { SourceCollection, SourceRecord } from "./source.ts";

const TEXT = ["documents", "metadatas", "uris"];

/**
 * The records with these ids. One record that lacks its vector makes a server fail the whole page with a 500, so a
 * page that fails is halved until the fault stands alone; that record comes without what cannot be read.
 * Throws `source_unavailable` where the server fails for every record, too.
 */
export async function getRecords(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  embeddings: boolean,
): Promise<ReadonlyMap<string, SourceRecord>> {
  const include = embeddings ? [...TEXT, "embeddings"] : TEXT;
  try {
    return await fetchRecords(client, collection, ids, include, { failFast: true });
  } catch (error) {
    if (!(error instanceof ChromaFault)) throw error;
  }
  if (ids.length > 1) {
    const middle = ids.length >> 1;
    const first = await getRecords(client, collection, ids.slice(0, middle), embeddings);
    return new Map([...first, ...(await getRecords(client, collection, ids.slice(middle), embeddings))]);
  }
  return getUnreadable(client, collection, ids, include);
}

/** What can be had of a record that fails alone: whole at another try, without its vector, or as a bare id. */
async function getUnreadable(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  include: readonly string[],
): Promise<ReadonlyMap<string, SourceRecord>> {
  const ways = [
    { include, pause: 200 },
    { include, pause: 400 },
    { include: TEXT, pause: 0, unreadable: "embedding" },
    { include: [], pause: 0, unreadable: "all" },
  ] as const;
  for (const { include: part, pause, ...mark } of ways) {
    await sleep(pause);
    try {
      const records = await fetchRecords(client, collection, ids, part, { failFast: true });
      return new Map([...records].map(([id, record]) => [id, { ...record, ...mark }]));
    } catch (error) {
      if (!(error instanceof ChromaFault)) throw error;
    }
  }
  // Not even the id: the server is at fault, not the record. Try in earnest, and let that say so.
  return fetchRecords(client, collection, ids, include);
}

async function fetchRecords(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  include: readonly string[],
  options: { readonly failFast?: boolean } = {},
): Promise<ReadonlyMap<string, SourceRecord>> {
  const body = { ids, include, limit: ids.length };
  return client.request("POST", `${collectionPath(collection)}/get`, parseRecords, { body, ...options });
}
