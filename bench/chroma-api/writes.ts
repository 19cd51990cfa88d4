import { setTimeout } from "node:timers/promises";
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
    const rows = documents.slice(0, BATCH * BATCHES);
    const bodies = makeBodies(rows, encode);
    // Creating the bodies blocks for seconds. Only then does the client learn which idle connections the servers closed.
    await setTimeout(100);
    const rates = [0, 0];
    for (let turn = 0; turn < turns; turn++)
      for (const which of [0, 1] as const)
        rates[which] =
          (rates[which] ?? 0) +
          rows.length / turns / (await addSeconds(peers[which], { bodies, name: `${format}-${turn}` }));
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
      usual: 4, // base64 5.6 to 6.8, numbers 2.8 to 3.5
    });
  }
  const title = `Chroma's API: add of ${BATCHES * BATCH} records in batches of ${BATCH}, ${CONCURRENCY} in flight`;
  await report({ bench: "chroma-api", title, table, targets }, run);
  return targets;
}

/** The request bodies of an add. */
function makeBodies(
  documents: readonly BenchDocument[],
  encode: (embedding: Float32Array) => unknown,
): readonly string[] {
  return Array.from({ length: Math.ceil(documents.length / BATCH) }, (_, at) => {
    const batch = documents.slice(at * BATCH, (at + 1) * BATCH);
    return JSON.stringify({
      ids: batch.map((row) => row.id),
      embeddings: batch.map(({ embedding }) => encode(embedding)),
      documents: batch.map(({ content }) => content),
      metadatas: batch.map(({ metadata }) => metadata),
    });
  });
}

/** Seconds of an add into a new collection. */
async function addSeconds(
  { send, database }: Peer,
  { bodies, name }: { readonly bodies: readonly string[]; readonly name: string },
): Promise<number> {
  const configuration = { hnsw: { space: "cosine" } };
  const { id } = JSON.parse(await send("POST", `${database}/collections`, JSON.stringify({ name, configuration }))) as {
    id: string;
  };
  const waiting = [...bodies];
  const startedAt = performance.now();
  const worker = async () => {
    for (let body = waiting.shift(); body; body = waiting.shift())
      await send("POST", `${database}/collections/${id}/add`, body);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (performance.now() - startedAt) / 1000;
}
