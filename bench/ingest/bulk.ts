import { getCollection } from "@cairn/core/collection/get.ts";
import type { BenchRun } from "../bench.ts";
import { buildIndex, helpersInWords, type IndexBuild } from "../support/build-index.ts";
import { type Cairn, load, makeTenant, settle } from "../support/cairn.ts";
import { addDocuments, type ChromaCollection } from "../support/chroma.ts";
import { copyDocuments } from "../support/copy.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { median } from "../support/machine.ts";
import { round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";

const ROUNDS = 5;

/** `tenantId`: has all documents in the end, indexed, as the collection of Chroma has. */
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
    await settle(cairn);
  }
  const alone = run.quick ? undefined : await buildIndex(cairn, tenantId, { workers: 0 });
  const built = await buildIndex(cairn, tenantId);
  const added = documents.length / (await addDocuments(chroma, documents));
  const ingested = median(own);
  const copied = median(copy);
  const withIndex = ({ seconds }: IndexBuild) => documents.length / (documents.length / ingested + seconds);
  const indexed = withIndex(built);
  const ways: Readonly<Record<string, number>> = {
    "COPY BINARY, raw": copied,
    "Cairn, ingest": ingested,
    [`Cairn, ingest and index, defaults (${helpersInWords(built.helpers)})`]: indexed,
    ...(alone && { [`the same, ${helpersInWords(alone.helpers)}`]: withIndex(alone) }),
    "Chroma, add": added,
  };
  const table = Object.entries(ways).map(([way, rate]) => ({
    way,
    "rows/s": round(rate, 0),
    "to COPY": round(rate / copied),
    "to Chroma": round(rate / added),
  }));
  const targets: readonly Target[] = [
    {
      what: "bulk ingest / COPY BINARY",
      value: round(ingested / copied),
      target: 0.7,
      better: "higher",
      usual: 0.7,
    },
    {
      what: "bulk ingest / Chroma's add",
      value: round(ingested / added),
      target: 10,
      better: "higher",
      usual: 18,
    },
    {
      what: "bulk ingest with the index built / Chroma's add",
      value: round(indexed / added),
      target: 3,
      better: "higher",
      usual: 1.2,
    },
  ];
  await report({ bench: "ingest", title: "Bulk ingest with vectors given", table, targets }, run);
  return { tenantId, targets };
}
