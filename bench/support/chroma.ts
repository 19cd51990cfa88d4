import type { BenchDocument } from "./dataset.ts";

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Records per `add` request. */
const BATCH = 500;

/** Concurrent `add` requests. */
const CONCURRENCY = 3;

/** A collection of a real Chroma server, used as its clients do: JSON over HTTP with keep-alive. */
export interface ChromaCollection {
  readonly url: string;
}

export async function makeCollection(server: string, name: string, hnsw: object = {}): Promise<ChromaCollection> {
  const created = (await post(`${server}${DATABASE}/collections`, {
    name,
    configuration: { hnsw: { space: "cosine", ...hnsw } },
  })) as { id: string };
  return { url: `${server}${DATABASE}/collections/${created.id}` };
}

/** Adds documents. Returns the seconds it took. */
export async function addDocuments(
  { url }: ChromaCollection,
  documents: readonly BenchDocument[],
  metadata: object = {},
): Promise<number> {
  const batches: BenchDocument[][] = [];
  for (let at = 0; at < documents.length; at += BATCH) batches.push(documents.slice(at, at + BATCH));
  const started = performance.now();
  let done = 0;
  const worker = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      await post(`${url}/add`, {
        ids: batch.map(({ id }) => id),
        embeddings: batch.map(({ embedding }) => [...embedding]),
        documents: batch.map(({ content }) => content),
        metadatas: batch.map((document) => ({ ...document.metadata, ...metadata })),
      });
      done += batch.length;
      if (documents.length > BATCH) process.stderr.write(`\r  filling Chroma: ${done}/${documents.length} `);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  if (documents.length > BATCH) process.stderr.write("\n");
  return (performance.now() - started) / 1000;
}

/** Ids of the ten nearest neighbors. Texts and metadata are also requested, as an application does. */
export async function queryChroma(
  { url }: ChromaCollection,
  embedding: Float32Array,
  where?: object,
  whereDocument?: object,
): Promise<readonly string[]> {
  const response = (await post(`${url}/query`, {
    query_embeddings: [[...embedding]],
    n_results: 10,
    include: ["documents", "metadatas", "distances"],
    ...(where && { where }),
    ...(whereDocument && { where_document: whereDocument }),
  })) as { ids: string[][] };
  return response.ids[0] ?? [];
}

/** Changes the number of candidates of a search. The server uses it after a restart. */
export async function setEfSearch({ url }: ChromaCollection, efSearch: number): Promise<void> {
  await send("PUT", url, { new_configuration: { hnsw: { ef_search: efSearch } } });
}

const post = (url: string, body: object) => send("POST", url, body);

async function send(method: "POST" | "PUT", url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`Chroma responded ${response.status}: ${await response.text()}`);
  return response.json();
}
