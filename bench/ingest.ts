import { getCollection } from "@cairn/core/collection/get.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, searcher } from "./support/cairn.ts";
import { addDocuments, type ChromaCollection, makeCollection } from "./support/chroma.ts";
import { copyDocuments } from "./support/copy.ts";
import { type BenchDocument, type Dataset, makeDataset } from "./support/dataset.ts";
import { median } from "./support/machine.ts";
import { latency, measure, recall, round } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

const ROUNDS = 3;

/** Bulk ingest with vectors given, beside COPY BINARY and Chroma's add; then into a collection that is searched meanwhile. */
export async function benchIngest(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size);
    const chroma = await makeCollection(servers.chroma.url, "bulk");
    const bulk = await bulkIngest(cairn, data, chroma, run);
    return [...bulk.targets, ...(await liveIngest(cairn, data, { ...bulk, chroma, run }))];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

interface Bulk {
  readonly targets: readonly Target[];
  /** Has all documents, indexed. */
  readonly tenantId: string;
}

async function bulkIngest(
  cairn: Cairn,
  { documents }: Dataset,
  chroma: ChromaCollection,
  run: BenchRun,
): Promise<Bulk> {
  const own: number[] = [];
  const copy: number[] = [];
  let tenantId = "";
  for (let round = 0; round < ROUNDS; round++) {
    const other = await makeTenant(cairn, `copied ${round}`);
    const { id: collectionId } = await getCollection(cairn.database, other);
    copy.push(
      documents.length / (await copyDocuments(cairn.raw, { tenantId: other, collectionId }, documents)),
    );
    tenantId = await makeTenant(cairn, `ingested ${round}`);
    own.push(documents.length / (await load(cairn, tenantId, documents)));
    await cairn.raw.query("DELETE FROM cairn.documents WHERE tenant_id <> $1", [tenantId]);
  }
  const started = performance.now();
  await maintainIndexes(cairn.database, { tenantId, workers: 1 });
  const building = (performance.now() - started) / 1000;
  const added = documents.length / (await addDocuments(chroma, documents));
  const ingested = median(own);
  const copied = median(copy);
  const indexed = documents.length / (documents.length / ingested + building);
  const table = [
    { way: "COPY BINARY, raw", "rows/s": round(copied, 0), "to COPY": 1, "to Chroma": round(copied / added) },
    {
      way: "Cairn, ingest",
      "rows/s": round(ingested, 0),
      "to COPY": round(ingested / copied),
      "to Chroma": round(ingested / added),
    },
    {
      way: "Cairn, ingest and index",
      "rows/s": round(indexed, 0),
      "to COPY": round(indexed / copied),
      "to Chroma": round(indexed / added),
    },
    { way: "Chroma, add", "rows/s": round(added, 0), "to COPY": round(added / copied), "to Chroma": 1 },
  ];
  const targets: readonly Target[] = [
    {
      what: "bulk ingest / COPY BINARY",
      value: round(ingested / copied),
      target: 0.7,
      better: "higher",
      floor: 0.35,
    },
    {
      what: "bulk ingest / Chroma's add",
      value: round(ingested / added),
      target: 10,
      better: "higher",
      floor: 3,
    },
    {
      what: "bulk ingest with the index built / Chroma's add",
      value: round(indexed / added),
      target: 3,
      better: "higher",
      floor: 0.8,
    },
  ];
  await report({ bench: "ingest", title: "Bulk ingest with vectors given", table, targets }, run);
  return { targets, tenantId };
}

/** Into a collection that has its index, while it is searched. */
async function liveIngest(
  cairn: Cairn,
  data: Dataset,
  { tenantId, chroma, run }: Bulk & { readonly chroma: ChromaCollection; readonly run: BenchRun },
): Promise<readonly Target[]> {
  const search = searcher(cairn, tenantId);
  const queries = data.queries.slice(0, 50);
  const idle = await measure(queries, search);
  const count = Math.max(1_000, Math.floor(run.size / 10));
  const more = data.documents
    .slice(0, count)
    .map((document, index): BenchDocument => ({ ...document, id: `more-${index}` }));
  const times: number[] = [];
  let writing = true;
  const searching = (async () => {
    for (let at = 0; writing; at++) {
      const started = performance.now();
      await search(queries[at % queries.length] as Float32Array);
      times.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const started = performance.now();
  // As an application writes: a request of a hundred documents after the other.
  for (let at = 0; at < more.length; at += 100)
    await ingest(cairn, tenantId, { documents: more.slice(at, at + 100) });
  const rate = more.length / ((performance.now() - started) / 1000);
  writing = false;
  await searching;
  const during = latency(times);
  const after = await measure(queries, search);
  const answers = (await measure(data.queries, search)).answers; // of all queries: one that misses is a fiftieth of fifty
  const found = recall(answers, await exactAnswers(cairn, tenantId, data.queries));
  const added = more.length / (await addDocuments(chroma, more));
  const table = [
    {
      way: "Cairn",
      "rows/s": round(rate, 0),
      "idle p50, ms": round(idle.p50),
      "p50 meanwhile, ms": round(during.p50),
      "p50 with the longer tail, ms": round(after.p50),
      "recall@10 after": round(found, 4),
    },
    { way: "Chroma", "rows/s": round(added, 0) },
  ];
  const targets: readonly Target[] = [
    {
      what: "ingest into an indexed collection / Chroma's add",
      value: round(rate / added),
      target: 5,
      better: "higher",
      floor: 1.5,
    },
    {
      what: "p50 of a search during ingest / idle",
      value: round(during.p50 / idle.p50),
      target: 2,
      better: "lower",
      floor: 6,
    },
    { what: "recall@10 after ingest", value: round(found, 4), target: 0.99, better: "higher", floor: 0.99 },
  ];
  await report(
    { bench: "ingest", title: "Ingest into a collection that is searched meanwhile", table, targets },
    run,
  );
  return targets;
}
