import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { type ChromaClient, ChromaError, PAYLOAD_TOO_LARGE, type RequestOptions } from "./client.ts";
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
 * Records of one request that may lack their vector before the server is tested for returning vectors at all. Each such
 * record takes more than half a second, and a server error must not quarantine a complete collection.
 */
const MAX_MISSING_VECTORS = 20;

/**
 * The records with these ids. A record that lacks its vector makes the server respond with 500 for the complete page, so a
 * page that fails is halved until the record is isolated. That record is returned without the parts that cannot be read.
 * Throws `source_unavailable` if the server fails for every record, or for vectors in general.
 */
export async function getRecords(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  options: RecordOptions = {},
): Promise<ReadonlyMap<string, SourceRecord>> {
  let missing = 0;
  return getRecordsBySplitting(client, collection, ids, options, async () => {
    if (++missing === MAX_MISSING_VECTORS + 1) await assertVectorsReadable(client, collection);
  });
}

async function getRecordsBySplitting(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  options: RecordOptions,
  onMissingVector: () => Promise<void>,
): Promise<ReadonlyMap<string, SourceRecord>> {
  const { embeddings = true, allowLarge = false } = options;
  const include = embeddings ? [...TEXT, "embeddings"] : TEXT;
  const maxBytes = allowLarge ? undefined : MAX_PAGE_BYTES;
  try {
    return await fetchRecords(client, collection, ids, include, { failFast: true, maxBytes });
  } catch (error) {
    if (!(error instanceof ChromaError)) throw error;
    if (error.status === PAYLOAD_TOO_LARGE) return rejectTooLarge(ids, allowLarge, error);
  }
  if (ids.length > 1) {
    const middle = ids.length >> 1;
    const getHalf = (half: readonly string[]) =>
      getRecordsBySplitting(client, collection, half, options, onMissingVector);
    return new Map([...(await getHalf(ids.slice(0, middle))), ...(await getHalf(ids.slice(middle)))]);
  }
  const records = await getPartialRecord(client, collection, ids, include);
  for (const { unreadable } of records.values()) if (unreadable === "embedding") await onMissingVector();
  return records;
}

/** Throws `PageTooLarge`, or returns only the id of a single record that exceeds even the limit for one record. */
function rejectTooLarge(
  ids: readonly string[],
  allowLarge: boolean,
  fault: ChromaError,
): ReadonlyMap<string, SourceRecord> {
  const [id] = ids;
  if (id === undefined || ids.length > 1 || !allowLarge) throw new PageTooLarge(fault.message);
  const empty = { document: null, uri: null, metadata: null, embedding: null };
  return new Map([[id, { id, ...empty, unreadable: "too_large" as const }]]);
}

/** Throws `source_unavailable` if the server fails for the first, the middle and the last vector of a collection. */
async function assertVectorsReadable(client: ChromaClient, collection: SourceCollection): Promise<void> {
  const path = collectionPath(collection);
  const count = await client.request("GET", `${path}/count`, Number);
  let fault: ChromaError | undefined;
  for (const share of [0, 0.5, 1]) {
    const body = { include: ["embeddings"], offset: Math.floor(share * Math.max(0, count - 1)), limit: 1 };
    try {
      await client.requestBytes("POST", `${path}/get`, parseRecords, { body, failFast: true });
      return;
    } catch (error) {
      if (!(error instanceof ChromaError)) throw error;
      fault = error;
    }
  }
  throw new AppError(
    "source_unavailable",
    `Chroma at ${client.url} responds with 500 for the vectors of ${collection.name} in general, not for single records: ${fault?.message}. ` +
      "Check the server and run the same command again. A migration resumes where it stopped. To migrate without Chroma's vectors, use --re-embed always.",
    { cause: fault },
  );
}

/** What can be read of a record that fails alone: everything after a retry, all but the vector, or only the id. */
async function getPartialRecord(
  client: ChromaClient,
  collection: SourceCollection,
  ids: readonly string[],
  include: readonly string[],
): Promise<ReadonlyMap<string, SourceRecord>> {
  const fallbacks = [
    { include, delay: 200 },
    { include, delay: 400 },
    { include: TEXT, delay: 0, unreadable: "embedding" },
    { include: [], delay: 0, unreadable: "all" },
  ] as const;
  for (const { include: fields, delay, ...mark } of fallbacks) {
    await sleep(delay);
    try {
      const records = await fetchRecords(client, collection, ids, fields, { failFast: true });
      return new Map([...records].map(([id, record]) => [id, { ...record, ...mark }]));
    } catch (error) {
      if (!(error instanceof ChromaError)) throw error;
    }
  }
  // Not even the id can be read, so the server fails. Retry without failFast, which throws the error.
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
