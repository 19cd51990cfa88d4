import { type JsonObject, parseExactJson, stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { ChromaCollection } from "../source/chroma-collection.ts";
import type { ChromaClient } from "../source/client.ts";
import { toCollection } from "../source/collections.ts";
import { collectionPath } from "../source/path.ts";
import type { SourceCollection } from "../source/source.ts";
import { isConflict, refusalOf } from "./refusal.ts";
import type { CollectionChange, DatabasePath, NewTargetCollection } from "./target.ts";

/** Creates a tenant and a database of Chroma if they do not exist. */
export async function ensureDatabase(client: ChromaClient, { tenant, database }: DatabasePath): Promise<void> {
  const tenantPath = `/tenants/${encodeURIComponent(tenant)}`;
  if (!(await exists(client, tenantPath))) await create(client, "/tenants", tenant);
  if (!(await exists(client, `${tenantPath}/databases/${encodeURIComponent(database)}`)))
    await create(client, `${tenantPath}/databases`, database);
}

async function exists(client: ChromaClient, path: string): Promise<boolean> {
  return (await unlessMissing(client.request("GET", path, () => true))) === true;
}

async function create(client: ChromaClient, path: string, name: string): Promise<void> {
  try {
    await client.request("POST", path, () => undefined, { body: { name } });
  } catch (error) {
    if (!isConflict(error)) throw error; // created in the meantime, or by a request whose response was lost
  }
}

/** The result of a request, or undefined if the server has nothing at its path. */
async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** The collection of this name. Undefined: there is none. */
export function findCollection(
  client: ChromaClient,
  path: DatabasePath,
  name: string,
): Promise<SourceCollection | undefined> {
  const url = `${collectionsPath(path)}/${encodeURIComponent(name)}`;
  return unlessMissing(client.request("GET", url, (text) => readCollection(text, path)));
}

/** Creates a collection with as much of its configuration and schema as the server accepts. Throws `already_exists`. */
export async function createCollection(
  client: ChromaClient,
  path: DatabasePath,
  { name, metadata, configuration, schema }: NewTargetCollection,
): Promise<SourceCollection> {
  const named = { name, ...(Object.keys(metadata).length > 0 ? { metadata } : {}) };
  // A server that knows schemas accepts no configuration besides, and one that does not needs the configuration.
  const variants: readonly JsonObject[] = schema
    ? [{ configuration, schema }, { schema }, { configuration }]
    : [{ configuration }];
  for (const [index, variant] of variants.entries())
    try {
      const json = stringifyJson({ ...named, ...variant });
      return await client.request("POST", collectionsPath(path), (text) => readCollection(text, path), { json });
    } catch (error) {
      if (isConflict(error)) throw taken(name, error);
      if (index === variants.length - 1 || !refusalOf(error)) throw error;
    }
  throw new AppError("source_invalid", `Chroma at ${client.url} refused every form of the collection ${name}.`);
}

/** Changes a collection and returns it as it is then. Throws `already_exists` if its new name is taken. */
export async function changeCollection(
  client: ChromaClient,
  collection: SourceCollection,
  { name, metadata, configuration }: CollectionChange,
): Promise<SourceCollection> {
  const changedName = name ?? collection.name;
  const holder = await findCollection(client, collection, changedName);
  if (holder && holder.id !== collection.id) throw taken(changedName); // Chroma would respond with 500
  const json = stringifyJson({
    ...(name === undefined ? {} : { new_name: name }),
    ...(metadata === undefined ? {} : { new_metadata: replacingMetadata(collection, metadata) }),
    ...(configuration === undefined ? {} : { new_configuration: configuration }),
  });
  await client.request("PUT", collectionPath(collection), () => undefined, { json });
  const changed = await findCollection(client, collection, changedName);
  if (changed) return changed;
  throw new AppError("not_found", `Chroma at ${client.url} has no collection ${changedName} any more.`);
}

/** Chroma accepts no empty metadata, but drops keys that are null. */
function replacingMetadata(collection: SourceCollection, metadata: JsonObject): JsonObject {
  if (Object.keys(metadata).length > 0) return metadata;
  return Object.fromEntries(Object.keys(collection.metadata).map((key) => [key, null]));
}

/** Deletes a collection. Returns false if it does not exist. */
export async function deleteCollection(client: ChromaClient, collection: SourceCollection): Promise<boolean> {
  const found = await findCollection(client, collection, collection.name);
  if (found?.id !== collection.id) return false; // Chroma deletes by name, and the name may be another collection's by now
  const url = `${collectionsPath(collection)}/${encodeURIComponent(collection.name)}`;
  return (await unlessMissing(client.request("DELETE", url, () => true))) === true;
}

function collectionsPath({ tenant, database }: DatabasePath): string {
  return `/tenants/${encodeURIComponent(tenant)}/databases/${encodeURIComponent(database)}/collections`;
}

function readCollection(text: string, { tenant, database }: DatabasePath): SourceCollection {
  return toCollection(parseExactJson(text) as unknown as ChromaCollection, tenant, database);
}

function taken(name: string, cause?: unknown): AppError {
  return new AppError("already_exists", `Chroma has another collection with the name ${JSON.stringify(name)}.`, {
    cause,
  });
}
