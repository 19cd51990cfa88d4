import { getCollection } from "@cairn/core/collection/get.ts";
import { buildIndex, formatWorkers, type IndexBuild } from "../support/build-index.ts";
import { type Cairn, load, makeTenant, settle } from "../support/cairn.ts";
import { addDocuments, type ChromaCollection } from "../support/chroma.ts";
import { copyDocuments } from "../support/copy-documents.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { median, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";

const ROUNDS = 5;

/** Bulk ingest. At the end the tenant `tenantId` has all documents, indexed, as has the Chroma collection. */
export async function bulkIngest({
  cairn,
  documents,
  chroma,
  ...run
}: BenchRun & {
  readonly cairn: Cairn;
  readonly documents: readonly BenchDocument[];
  readonly chroma: ChromaCollection;
}): Promise<{ readonly tenantId: string; readonly targets: readonly Target[] }> {
  const ingestRates: number[] = [];
  const copyRates: number[] = [];
  let tenantId = "";
  for (let round = 0; round < ROUNDS; round++) {
    const copyTenant = await makeTenant(cairn, `copied ${round}`);
    const { id: collectionId } = await getCollection(cairn.database, copyTenant);
    copyRates.push(
      documents.length / (await copyDocuments(cairn.raw, { tenantId: copyTenant, collectionId }, documents)),
    );
    tenantId = await makeTenant(cairn, `ingested ${round}`);
    ingestRates.push(documents.length / (await load(cairn, tenantId, documents)));
    await cairn.raw.query("DELETE FROM cairn.documents WHERE tenant_id <> $1", [tenantId]);
    await settle(cairn);
  }
  const withoutWorkers = run.quick ? undefined : await buildIndex(cairn, tenantId, { workers: 0 });
  const withDefaults = await buildIndex(cairn, tenantId);
  const chromaRate = documents.length / (await addDocuments(chroma, documents));
  const ingestRate = median(ingestRates);
  const copyRate = median(copyRates);
  const rateWithIndex = ({ seconds }: IndexBuild) => documents.length / (documents.length / ingestRate + seconds);
  const indexedRate = rateWithIndex(withDefaults);
  const rates: Readonly<Record<string, number>> = {
    "COPY BINARY": copyRate,
    "Cairn, ingest": ingestRate,
    [`Cairn, ingest and index build, defaults (${formatWorkers(withDefaults.workers)})`]: indexedRate,
    ...(withoutWorkers && {
      [`the same, ${formatWorkers(withoutWorkers.workers)}`]: rateWithIndex(withoutWorkers),
    }),
    "Chroma, add": chromaRate,
  };
  const table = Object.entries(rates).map(([method, rate]) => ({
    method,
    "rows/s": round(rate, 0),
    "to COPY": round(rate / copyRate),
    "to Chroma": round(rate / chromaRate),
  }));
  const targets: readonly Target[] = [
    {
      what: "bulk ingest to COPY BINARY",
      value: round(ingestRate / copyRate),
      target: 0.7,
      better: "higher",
      usual: 0.7,
    },
    {
      what: "bulk ingest to Chroma's add",
      value: round(ingestRate / chromaRate),
      target: 10,
      better: "higher",
      usual: 18,
    },
    {
      what: "bulk ingest with the index built, to Chroma's add",
      value: round(indexedRate / chromaRate),
      target: 3,
      better: "higher",
      usual: 1.2,
    },
  ];
  await report({ bench: "ingest", title: "Bulk ingest with precomputed vectors", table, targets }, run);
  return { tenantId, targets };
}
