import { createChromaClient } from "../source/client.ts";
import type { ChromaOptions } from "../source/options.ts";
import { collectionPath } from "../source/path.ts";
import { probeServer } from "../source/probe.ts";
import { readCapabilities } from "./capabilities.ts";
import { changeCollection, createCollection, deleteCollection, ensureDatabase, findCollection } from "./collections.ts";
import type { ChromaTarget } from "./target.ts";
import { createRecordWriter } from "./write-records.ts";

/** Ids that one request deletes. */
const MAX_DELETED_IDS = 1_000;

/** Opens a Chroma server for writing. Throws `source_unavailable`, or `source_unsupported` if the server has only API v1. */
export async function openTarget(options: ChromaOptions): Promise<ChromaTarget> {
  const client = createChromaClient(options);
  await probeServer(client, options);
  const write = createRecordWriter(client, await readCapabilities(client));
  return {
    get url() {
      return client.url;
    },
    ensureDatabase: (path) => ensureDatabase(client, path),
    findCollection: (path, name) => findCollection(client, path, name),
    createCollection: (path, collection) => createCollection(client, path, collection),
    changeCollection: (collection, change) => changeCollection(client, collection, change),
    deleteCollection: (collection) => deleteCollection(client, collection),
    upsert: (collection, records) => write("upsert", collection, records),
    update: (collection, records) => write("update", collection, records),
    async deleteIds(collection, ids) {
      for (let start = 0; start < ids.length; start += MAX_DELETED_IDS) {
        const body = { ids: ids.slice(start, start + MAX_DELETED_IDS) };
        await client.request("POST", `${collectionPath(collection)}/delete`, () => undefined, { body });
      }
    },
  };
}
