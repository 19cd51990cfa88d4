import { randomBytes } from "node:crypto";
import { stringifyJson } from "@cairn/core/database/json.ts";

/** A record to be added to Chroma. */
export interface ChromaRecord {
  readonly id: string;
  readonly embedding: readonly unknown[];
  readonly document?: string | null;
  readonly metadata?: object | null;
  readonly uri?: string | null;
}

export interface ChromaCollectionHandle {
  readonly id: string;
  readonly name: string;
  /** The collection's address: `<url>/add`, `/upsert`, `/delete`, `/get`, `/query`. */
  readonly url: string;
}

/** A collection name in the default pattern, and the UUID of its tenant. */
export function tenantName(collection = "knowledge"): { readonly name: string; readonly tenant: string } {
  const hex = randomBytes(16).toString("hex");
  return {
    name: `tenant_${hex}_${collection}`,
    tenant: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  };
}

export async function createChromaCollection(
  url: string,
  name: string,
  options: {
    readonly space?: string;
    readonly metadata?: object;
    readonly configuration?: object;
    readonly tenant?: string;
    readonly database?: string;
  } = {},
): Promise<ChromaCollectionHandle> {
  const { space = "cosine", metadata, configuration } = options;
  const { tenant = "default_tenant", database = "default_database" } = options;
  const collections = `${url}/api/v2/tenants/${tenant}/databases/${database}/collections`;
  const reply = await send(collections, {
    name,
    metadata,
    configuration: { hnsw: { space }, ...configuration },
  });
  const { id } = (await reply.json()) as { id: string };
  return { id, name, url: `${collections}/${id}` };
}

/** Adds or replaces records, in batches that a local server accepts. Throws with the server's message. */
export async function putRecords(
  { url }: ChromaCollectionHandle,
  records: readonly ChromaRecord[],
  verb: "add" | "upsert" = "add",
): Promise<void> {
  for (let start = 0; start < records.length; start += 2_000) {
    const batch = records.slice(start, start + 2_000);
    await send(`${url}/${verb}`, {
      ids: batch.map(({ id }) => id),
      embeddings: batch.map(({ embedding }) => embedding),
      documents: batch.map(({ document }) => document ?? null),
      metadatas: batch.map(({ metadata }) => metadata ?? null),
      uris: batch.map(({ uri }) => uri ?? null),
    });
  }
}

export async function deleteRecords({ url }: ChromaCollectionHandle, ids: readonly string[]): Promise<void> {
  await send(`${url}/delete`, { ids });
}

/** `count` plain records with random unit vectors; ids `<prefix>0`, `<prefix>1`, … */
export function plainRecords(count: number, dimensions: number, prefix = "doc-"): readonly ChromaRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    embedding: randomUnit(dimensions),
    document: `Passage ${index} of ${prefix}: how long may a customer keep a thing before returning it?`,
    metadata: { index, topic: index % 2 === 0 ? "returns" : "shipping", price: index + 0.5 },
    uri: index % 3 === 0 ? `https://example.org/${prefix}${index}` : null,
  }));
}

/** A random unit vector, rounded to float32 so that it can be compared bit by bit. */
export function randomUnit(dimensions: number): readonly number[] {
  const elements = Float32Array.from({ length: dimensions }, () => Math.random() - 0.5);
  const length = Math.hypot(...elements);
  return [...elements.map((element) => element / length)];
}

async function send(url: string, body: object): Promise<Response> {
  const reply = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: stringifyJson(body),
  });
  if (!reply.ok) throw new Error(`Chroma responded with ${reply.status} at ${url}: ${await reply.text()}`);
  return reply;
}
