import type { BenchDocument } from "../support/dataset.ts";
import { round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import type { Peer } from "./peer.ts";

const BATCH = 500;
const BATCHES = 10;
const CONCURRENCY = 3;

/** `add` into empty collections, in turns: vectors as numbers, as JavaScript's client sends them, and in base64, as Python's. */
export async function compareAdds(
  peers: readonly [Peer, Peer],
  { run, documents }: { readonly run: BenchRun; readonly documents: readonly BenchDocument[] },
): Promise<readonly Target[]> {
  const formats = {
    numbers: (embedding: Float32Array) => [...embedding],
    base64: (embedding: Float32Array) =>
      Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).toString("base64"),
  };
  const table: Record<string, string | number>[] = [];
  const targets: Target[] = [];
  const turns = run.quick ? 1 : 3;
  for (const [format, encode] of Object.entries(formats)) {
    const rates = [0, 0];
    for (let turn = 0; turn < turns; turn++)
      for (const which of [0, 1] as const)
        rates[which] =
          (rates[which] ?? 0) + (await addRate(peers[which], documents, { encode, name: `${format}-${turn}` })) / turns;
    const [cairn = 0, chroma = 1] = rates;
    table.push({
      embeddings: format,
      "rows/s": round(cairn, 0),
      "Chroma: rows/s": round(chroma, 0),
      "Cairn / Chroma": round(cairn / chroma),
    });
    targets.push({
      what: `add, ${format}: rows a second, Cairn to Chroma`,
      value: round(cairn / chroma),
      target: 5,
      better: "higher",
      usual: 4,
    });
  }
  const title = `Chroma's API: add of ${BATCHES * BATCH} records in batches of ${BATCH}, ${CONCURRENCY} in flight`;
  await report({ bench: "chroma-api", title, table, targets }, run);
  return targets;
}

interface AddOptions {
  readonly encode: (embedding: Float32Array) => unknown;
  readonly name: string;
}

/** Rows a second of an add. The request bodies are built in advance. */
async function addRate(
  { send, database }: Peer,
  documents: readonly BenchDocument[],
  { encode, name }: AddOptions,
): Promise<number> {
  const configuration = { hnsw: { space: "cosine" } };
  const { id } = JSON.parse(await send("POST", `${database}/collections`, JSON.stringify({ name, configuration }))) as {
    id: string;
  };
  const rows = documents.slice(0, BATCH * BATCHES);
  const bodies: string[] = [];
  for (let at = 0; at < rows.length; at += BATCH) {
    const batch = rows.slice(at, at + BATCH);
    bodies.push(
      JSON.stringify({
        ids: batch.map((row) => row.id),
        embeddings: batch.map(({ embedding }) => encode(embedding)),
        documents: batch.map(({ content }) => content),
        metadatas: batch.map(({ metadata }) => metadata),
      }),
    );
  }
  const startedAt = performance.now();
  const worker = async () => {
    for (let body = bodies.shift(); body; body = bodies.shift())
      await send("POST", `${database}/collections/${id}/add`, body);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  await send("POST", `${database}/collections/${id}/get`, '{"limit":1}');
  return rows.length / seconds;
}
