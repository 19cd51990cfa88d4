import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { type ChromaClient, ChromaFault, type RequestOptions, TOO_LARGE } from "./client.ts";
import { parseRecords } from "./parse.ts";
import { collectionPath } from "./path.ts";
import {
  MAX_PAGE_BYTES,
  PageTooLarge,
  type RecordOptions,
  type SourceCollection,
  type SourceRecord,
} from "./source.ts";

const TEXT = ["documents", "metadatas", "uris"];

/**
 * Records of one request that may lack their vector before it is asked whether the server gives vectors at all: each
 * costs more than half a second, and nobody wants a whole collection set aside for a fault of the server's.
 */
const MAY_LACK = 20;

/**
 * The records with these ids. One record that lacks its vector makes a server fail the whole page with a 500, so a
 * page that fails is halved until the fault stands alone; that record comes without what cannot be read.
 * Throws `source_unavailable` where the server fails for every record, or for vectors in general.
 */
export async function getRecords(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  options: RecordOptions = {},
): Promise<ReadonlyMap<string, SourceRecord>> {
  let lacking = 0;
  return divideRecords(client, collection, ids, options, async () => {
    if (++lacking === MAY_LACK + 1) await assertGivesVectors(client, collection);
  });
}

async function divideRecords(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  options: RecordOptions,
  onLacking: () => Promise<void>,
): Promise<ReadonlyMap<string, SourceRecord>> {
  const { embeddings = true, alone = false } = options;
  const include = embeddings ? [...TEXT, "embeddings"] : TEXT;
  const maxBytes = alone ? undefined : MAX_PAGE_BYTES;
  try {
    return await fetchRecords(client, collection, ids, include, { failFast: true, maxBytes });
  } catch (error) {
    if (!(error instanceof ChromaFault)) throw error;
    if (error.status === TOO_LARGE) return refuseLarge(ids, alone, error);
  }
  if (ids.length > 1) {
    const middle = ids.length >> 1;
    const first = await divideRecords(client, collection, ids.slice(0, middle), options, onLacking);
    const second = await divideRecords(client, collection, ids.slice(middle), options, onLacking);
    return new Map([...first, ...second]);
  }
  const records = await getUnreadable(client, collection, ids, include);
  for (const { unreadable } of records.values()) if (unreadable === "embedding") await onLacking();
  return records;
}

/** Of a single record that is too large even alone, the bare id. */
function refuseLarge(
  ids: readonly string[],
  alone: boolean,
  fault: ChromaFault,
): ReadonlyMap<string, SourceRecord> {
  const [id] = ids;
  if (id === undefined || ids.length > 1 || !alone) throw new PageTooLarge(fault.message);
  const nothing = { document: null, uri: null, metadata: null, embedding: null };
  return new Map([[id, { id, ...nothing, unreadable: "too_large" as const }]]);
}

/** Throws `source_unavailable` where the server fails for the first, the middle and the last vector of a collection. */
async function assertGivesVectors(client: ChromaClient, collection: SourceCollection): Promise<void> {
  const path = collectionPath(collection);
  const count = await client.request("GET", `${path}/count`, Number);
  let fault: ChromaFault | undefined;
  for (const share of [0, 0.5, 1]) {
    const body = { include: ["embeddings"], offset: Math.floor(share * Math.max(0, count - 1)), limit: 1 };
    try {
      await client.requestBytes("POST", `${path}/get`, parseRecords, { body, failFast: true });
      return;
    } catch (error) {
      if (!(error instanceof ChromaFault)) throw error;
      fault = error;
    }
  }
  throw new AppError(
    "source_unavailable",
    `Chroma at ${client.url} fails with a 500 for the vectors of ${collection.name} in general, not for single records: ${fault?.message}. ` +
      "Check the server and run the same command again. A migration resumes where it stopped. Without Chroma's vectors: --re-embed always.",
    { cause: fault },
  );
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
  options: Pick<RequestOptions, "failFast" | "maxBytes"> = {},
): Promise<ReadonlyMap<string, SourceRecord>> {
  const body = { ids, include, limit: ids.length };
  return client.requestBytes("POST", `${collectionPath(collection)}/get`, parseRecords, { body, ...options });
}
