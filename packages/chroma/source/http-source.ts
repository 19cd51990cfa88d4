import { parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ChromaClient, ChromaFault, createChromaClient } from "./client.ts";
import { listCollections } from "./collections.ts";
import type { ChromaOptions } from "./options.ts";
import { parseRecords } from "./parse.ts";
import { collectionPath } from "./path.ts";
import { probeServer } from "./probe.ts";
import { getRecords } from "./records.ts";
import type { NearRecord, Source, SourceCollection } from "./source.ts";

/** Opens a Chroma server for reading. Throws `source_unavailable`, or `source_unsupported` for the old v1 API. */
export async function openSource(options: ChromaOptions): Promise<Source> {
  const client = createChromaClient(options);
  await probeServer(client, options);
  return {
    url: client.url,
    listCollections: (scope) => listCollections(client, scope),
    count: (collection) => client.request("GET", `${collectionPath(collection)}/count`, readNumber),
    listIds: (collection, page) => listIds(client, collection, page),
    getRecords: (collection, ids, options) => getRecords(client, collection, ids, options),
    async existing(collection, ids) {
      const body = { ids, include: [], limit: ids.length };
      const records = await client.requestBytes("POST", `${collectionPath(collection)}/get`, parseRecords, {
        body,
      });
      return new Set(records.keys());
    },
    query: (collection, embedding, topK) => queryChroma(client, collection, embedding, topK),
    nearest: (collection, embedding, topK) => nearest(client, collection, embedding, topK),
  };
}

/** Chroma Cloud gives 300 ids a page at most and says so with a 4xx: then the window is made of such pages. */
const CLOUD_PAGE = 300;

async function listIds(
  client: ChromaClient,
  collection: SourceCollection,
  { offset, limit }: { offset: number; limit: number },
): Promise<readonly string[]> {
  const page = async (from: number, size: number) => {
    const body = { include: [], offset: from, limit: size };
    const records = await client.requestBytes("POST", `${collectionPath(collection)}/get`, parseRecords, {
      body,
    });
    return [...records.keys()];
  };
  try {
    return await page(offset, limit);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "source_invalid" || limit <= CLOUD_PAGE) throw error;
  }
  const ids: string[] = [];
  while (ids.length < limit) {
    const size = Math.min(CLOUD_PAGE, limit - ids.length);
    const part = await page(offset + ids.length, size);
    ids.push(...part);
    if (part.length < size) break;
  }
  return ids;
}

async function queryChroma(
  client: ChromaClient,
  collection: SourceCollection,
  embedding: Float32Array,
  topK: number,
) {
  const body = { query_embeddings: [[...embedding]], n_results: topK, include: ["distances"] };
  return client.request("POST", `${collectionPath(collection)}/query`, readHits, { body });
}

/** The nearest records with their vectors. A server that fails at it says nothing: whoever asks can do without. */
async function nearest(
  client: ChromaClient,
  collection: SourceCollection,
  embedding: Float32Array,
  topK: number,
): Promise<readonly NearRecord[]> {
  const include = ["distances", "embeddings"];
  const body = { query_embeddings: [[...embedding]], n_results: topK, include };
  try {
    return await client.request("POST", `${collectionPath(collection)}/query`, readNear, {
      body,
      failFast: true,
    });
  } catch (error) {
    if (error instanceof ChromaFault) return [];
    if (error instanceof AppError && error.code !== "source_unavailable") return [];
    throw error;
  }
}

function readNear(text: string): readonly NearRecord[] {
  const hits = readHits(text);
  const answer = parseJson(text) as {
    embeddings?: readonly (readonly (readonly (number | null)[] | null)[])[] | null;
  } | null;
  const vectors = answer?.embeddings?.[0] ?? [];
  return hits.map((hit, index) => {
    const vector = vectors[index];
    const embedding = vector ? Float32Array.from(vector, (element) => element ?? Number.NaN) : null;
    return { ...hit, embedding };
  });
}

function readHits(text: string): readonly { readonly id: string; readonly distance: number }[] {
  const answer = parseJson(text) as {
    ids?: readonly (readonly string[])[];
    distances?: readonly (readonly (number | null)[])[];
  } | null;
  const ids = answer?.ids?.[0];
  if (!Array.isArray(ids)) throw new SyntaxError("Hits were expected.");
  const distances = answer?.distances?.[0] ?? [];
  return ids.map((id: string, index) => ({ id, distance: distances[index] ?? Number.NaN }));
}

function readNumber(text: string): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new SyntaxError("A number was expected.");
  return Number(text);
}
