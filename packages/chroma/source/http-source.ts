import { parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ChromaClient, ChromaError, createChromaClient } from "./client.ts";
import { listCollections, listExistingDatabases } from "./collections.ts";
import type { ChromaOptions } from "./options.ts";
import { parseRecords } from "./parse.ts";
import { collectionPath } from "./path.ts";
import { probeServer } from "./probe.ts";
import { getRecords } from "./records.ts";
import type { Source, SourceCollection, SourceHit, VectorHit } from "./source.ts";

/** Opens a Chroma server for reading. Throws `source_unavailable`, or `source_unsupported` if the server has only API v1. */
export async function openSource(options: ChromaOptions): Promise<Source> {
  const client = createChromaClient(options);
  await probeServer(client, options);
  return {
    url: client.url,
    listCollections: (scope) => listCollections(client, scope),
    listDatabases: (tenant) => listExistingDatabases(client, tenant),
    count: (collection) => client.request("GET", `${collectionPath(collection)}/count`, readNumber),
    listIds: (collection, page) => listIds(client, collection, page),
    getRecords: (collection, ids, options) => getRecords(client, collection, ids, options),
    filterExisting: async (collection, ids) =>
      new Set(await getIds(client, collection, { ids, include: [], limit: ids.length })),
    query(collection, embedding, topK) {
      const body = { query_embeddings: [[...embedding]], n_results: topK, include: ["distances"] };
      return client.request("POST", `${collectionPath(collection)}/query`, readHits, { body });
    },
    queryWithVectors: (collection, embedding, topK) => queryWithVectors(client, collection, embedding, topK),
  };
}

async function getIds(client: ChromaClient, collection: SourceCollection, body: object) {
  const path = `${collectionPath(collection)}/get`;
  const records = await client.requestBytes("POST", path, parseRecords, { body });
  return [...records.keys()];
}

/**
 * Maximum ids of a page in Chroma Cloud, which rejects larger pages with a 4xx status. Larger listings are then assembled
 * from such pages.
 */
const CHROMA_CLOUD_PAGE_SIZE = 300;

async function listIds(
  client: ChromaClient,
  collection: SourceCollection,
  { offset, limit }: { offset: number; limit: number },
): Promise<readonly string[]> {
  const page = (from: number, size: number) => getIds(client, collection, { include: [], offset: from, limit: size });
  try {
    return await page(offset, limit);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "source_invalid" || limit <= CHROMA_CLOUD_PAGE_SIZE) throw error;
  }
  const ids: string[] = [];
  while (ids.length < limit) {
    const size = Math.min(CHROMA_CLOUD_PAGE_SIZE, limit - ids.length);
    const part = await page(offset + ids.length, size);
    ids.push(...part);
    if (part.length < size) break;
  }
  return ids;
}

/** The nearest records with their vectors; empty if the server cannot return them, because the caller can continue without. */
async function queryWithVectors(
  client: ChromaClient,
  collection: SourceCollection,
  embedding: Float32Array,
  topK: number,
): Promise<readonly VectorHit[]> {
  const include = ["distances", "embeddings"];
  const body = { query_embeddings: [[...embedding]], n_results: topK, include };
  try {
    return await client.request("POST", `${collectionPath(collection)}/query`, readVectorHits, {
      body,
      failFast: true,
    });
  } catch (error) {
    if (error instanceof ChromaError) return [];
    if (error instanceof AppError && error.code !== "source_unavailable") return [];
    throw error;
  }
}

function readVectorHits(text: string): readonly VectorHit[] {
  const hits = readHits(text);
  const response = parseJson(text) as {
    embeddings?: readonly (readonly (readonly (number | null)[] | null)[])[] | null;
  } | null;
  const vectors = response?.embeddings?.[0] ?? [];
  return hits.map((hit, index) => {
    const vector = vectors[index];
    const embedding = vector ? Float32Array.from(vector, (element) => element ?? Number.NaN) : null;
    return { ...hit, embedding };
  });
}

function readHits(text: string): readonly SourceHit[] {
  const response = parseJson(text) as {
    ids?: readonly (readonly string[])[];
    distances?: readonly (readonly (number | null)[])[];
  } | null;
  const ids = response?.ids?.[0];
  if (!Array.isArray(ids)) throw new SyntaxError("The response has no list of ids.");
  const distances = response?.distances?.[0] ?? [];
  return ids.map((id: string, index) => ({ id, distance: distances[index] ?? Number.NaN }));
}

function readNumber(text: string): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new SyntaxError("A number was expected.");
  return Number(text);
}
