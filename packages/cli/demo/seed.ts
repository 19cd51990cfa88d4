import { stringifyJson } from "@cairn/core/database/json.ts";
import { BUNDLED_DIMENSIONS } from "@cairn/core/embedding/bundled/dimensions.ts";
import { createBundledEmbedder } from "@cairn/core/embedding/bundled/embedder.ts";
import { embedAll } from "@cairn/core/embedding/embed-all.ts";
import type { Embedder } from "@cairn/core/embedding/embedder.ts";
import { type EdgeCase, edgeCaseRecords, encodeVector } from "./knowledge/edge-cases.ts";
import { type DemoTenant, loadKnowledge } from "./knowledge/knowledge.ts";

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Fills a Chroma server like a typical installation: one collection per tenant, named after the tenant's id. */
export async function seedChroma(url: string): Promise<readonly DemoTenant[]> {
  const embedder = createBundledEmbedder();
  const tenants = await loadKnowledge();
  for (const [index, tenant] of tenants.entries()) {
    const collection = await createCollection(url, `tenant_${tenant.hex}_knowledge`);
    const vectors = await embedAll(
      embedder,
      tenant.passages.map(({ text }) => text),
      { dimensions: BUNDLED_DIMENSIONS },
    );
    await add(url, collection, {
      ids: tenant.passages.map(({ id }) => id),
      documents: tenant.passages.map(({ text }) => text),
      metadatas: tenant.passages.map(({ metadata }) => metadata),
      uris: tenant.passages.map(({ uri }) => uri ?? null),
      embeddings: vectors.map((vector) => [...vector]),
    });
    if (index === 0)
      for (const record of edgeCaseRecords(BUNDLED_DIMENSIONS)) await addEdgeCase(url, collection, embedder, record);
  }
  return tenants;
}

async function createCollection(url: string, name: string): Promise<string> {
  const response = await post(`${url}${DATABASE}/collections`, {
    name,
    configuration: { hnsw: { space: "cosine" } },
  });
  if (!response.ok) throw new Error(`Chroma did not create the collection ${name}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

async function add(url: string, collection: string, records: object): Promise<void> {
  const response = await post(`${url}${DATABASE}/collections/${collection}/add`, records);
  if (!response.ok) throw new Error(`Chroma did not add the records: ${await response.text()}`);
}

/** Adds one record in a request of its own. A Chroma version that refuses the record then still accepts the others. */
async function addEdgeCase(url: string, collection: string, embedder: Embedder, record: EdgeCase): Promise<void> {
  const { id, document, metadata, uri } = record;
  await post(`${url}${DATABASE}/collections/${collection}/add`, {
    ids: [id],
    documents: [document],
    metadatas: [metadata],
    uris: [uri],
    embeddings: [await embeddingOf(embedder, record)],
  });
}

/** Returns the vector for the request. JSON has no NaN, so a vector with NaN is sent as the bytes of its floats. */
async function embeddingOf(embedder: Embedder, { kind, values, document }: EdgeCase): Promise<unknown> {
  if (values) return kind === "nan" ? encodeVector(values) : values;
  const [embedded] = await embedAll(embedder, [document ?? ""], { dimensions: BUNDLED_DIMENSIONS });
  return [...(embedded ?? [])];
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: stringifyJson(body),
  });
}
