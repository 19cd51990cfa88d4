import { type JsonObject, type JsonValue, parseExactJson, parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { ChromaCollection } from "./chroma-collection.ts";
import type { ChromaClient } from "./client.ts";
import { metricOf } from "./metric.ts";
import { modelOf, unusableModelOf } from "./model.ts";
import type { SourceCollection, SourceScope } from "./source.ts";

const PAGE_SIZE = 100;

/** Every collection of the databases in scope, sorted by tenant, database and name. */
export async function listCollections(client: ChromaClient, scope: SourceScope): Promise<readonly SourceCollection[]> {
  const collections: SourceCollection[] = [];
  for (const tenant of scope.tenants?.length ? scope.tenants : [await ownTenant(client)]) {
    const databases = scope.databases?.length ? scope.databases : await listDatabases(client, tenant);
    for (const database of databases) collections.push(...(await listDatabaseCollections(client, tenant, database)));
  }
  return collections.sort(
    (a, b) => compare(a.tenant, b.tenant) || compare(a.database, b.database) || compare(a.name, b.name),
  );
}

async function ownTenant(client: ChromaClient): Promise<string> {
  const identity = await client.request(
    "GET",
    "/auth/identity",
    (text) => parseJson(text) as { tenant?: string } | null,
  );
  return identity?.tenant && identity.tenant !== "*" ? identity.tenant : "default_tenant";
}

/** Names of the databases of a tenant. Empty if it does not exist. */
export async function listExistingDatabases(client: ChromaClient, tenant: string): Promise<readonly string[]> {
  try {
    return await listDatabases(client, tenant);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return [];
    throw error;
  }
}

async function listDatabases(client: ChromaClient, tenant: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (;;) {
    const path = `/tenants/${encodeURIComponent(tenant)}/databases?limit=${PAGE_SIZE}&offset=${names.length}`;
    const page = await client.request("GET", path, (text) => asList<{ name: string }>(parseJson(text)));
    names.push(...page.map(({ name }) => name));
    if (page.length < PAGE_SIZE) return [...new Set(names)];
  }
}

async function listDatabaseCollections(
  client: ChromaClient,
  tenant: string,
  database: string,
): Promise<readonly SourceCollection[]> {
  const found = new Map<string, SourceCollection>();
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const path = `/tenants/${encodeURIComponent(tenant)}/databases/${encodeURIComponent(database)}/collections?limit=${PAGE_SIZE}&offset=${offset}`;
    const page = await client.request("GET", path, (text) => asList<ChromaCollection>(parseExactJson(text)));
    for (const collection of page) found.set(collection.id, toCollection(collection, tenant, database));
    if (page.length < PAGE_SIZE) return [...found.values()];
  }
}

function asList<T>(value: JsonValue): readonly T[] {
  if (!Array.isArray(value)) throw new SyntaxError("The response is not a list.");
  return value as unknown as readonly T[];
}

/** A collection from Chroma's description of it. */
export function toCollection(collection: ChromaCollection, tenant: string, database: string): SourceCollection {
  return {
    id: collection.id,
    tenant,
    database,
    name: collection.name,
    dimensions: collection.dimension ?? null,
    metric: metricOf(collection),
    model: modelOf(collection),
    unusableModel: unusableModelOf(collection),
    metadata: collection.metadata ?? {},
    attributes: attributesOf(collection),
  };
}

/** The configuration and the schema as the server describes them. Servers before 1.0 have neither in this form. */
function attributesOf({ configuration_json: configuration, schema }: ChromaCollection): JsonObject | undefined {
  if (!configuration?.hnsw && !configuration?.spann) return undefined;
  return { configuration, ...(schema ? { schema } : {}) } as unknown as JsonObject;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
