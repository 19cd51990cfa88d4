import { clusteredVectors, passage } from "./vectors.ts";

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Fills a Chroma collection with `count` passages and their vectors. Returns the collection's name. */
export async function fillChroma(url: string, hex: string, count: number, dimensions: number): Promise<string> {
  const name = `tenant_${hex}_knowledge`;
  const created = await post(`${url}${DATABASE}/collections`, {
    name,
    configuration: { hnsw: { space: "cosine" } },
  });
  const { id } = (await created.json()) as { id: string };
  let batch: { id: string; embedding: number[]; document: string; metadata: object }[] = [];
  let index = 0;
  for (const vector of clusteredVectors(count, dimensions)) {
    batch.push({
      id: `doc-${index}`,
      embedding: [...vector],
      document: passage(index),
      metadata: { index, topic: `topic-${index % 20}` },
    });
    index++;
    if (batch.length < 1_000 && index < count) continue;
    await post(`${url}${DATABASE}/collections/${id}/add`, {
      ids: batch.map((record) => record.id),
      embeddings: batch.map((record) => record.embedding),
      documents: batch.map((record) => record.document),
      metadatas: batch.map((record) => record.metadata),
    });
    batch = [];
    process.stderr.write(`\r  filling Chroma: ${index}/${count} `);
  }
  process.stderr.write("\n");
  return name;
}

async function post(url: string, body: object): Promise<Response> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`Chroma responded ${response.status}: ${await response.text()}`);
  return response;
}
