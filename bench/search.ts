import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { growth } from "./search/growth.ts";
import { underLoad } from "./search/load.ts";
import { besideRawSql } from "./search/raw.ts";
import { recallAgainstLatency } from "./search/recall.ts";
import { overTheWire } from "./search/wire.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { addDocuments, type ChromaCollection, makeCollection } from "./support/chroma.ts";
import { type Dataset, makeDataset } from "./support/dataset.ts";
import type { Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

/** One large collection, in Cairn and in Chroma, and what is asked of both. */
export interface SearchSetting extends BenchRun {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly chroma: ChromaCollection;
  readonly data: Dataset;
  /** The true ten nearest of each query. */
  readonly truth: readonly (readonly string[])[];
}

/**
 * One large collection: beside raw SQL, beside Chroma under load, recall against latency, over a slow wire, and as it
 * grows.
 */
export async function benchSearch(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const made = makeDataset(run.size);
    const data = { ...made, queries: made.queries.slice(0, run.quick ? 50 : 200) };
    const tenantId = await makeTenant(cairn, "large");
    await load(cairn, tenantId, data.documents);
    await maintainIndexes(cairn.database);
    const chroma = await makeCollection(servers.chroma.url, "large");
    await addDocuments(chroma, data.documents);
    await settle(cairn);
    const truth = await exactAnswers(cairn, tenantId, data.queries);
    const setting = { ...run, cairn, databaseUrl: servers.databaseUrl, tenantId, chroma, data, truth };
    return [
      ...(await besideRawSql(setting)),
      ...(await underLoad(setting)),
      ...(await recallAgainstLatency(setting)),
      ...(await overTheWire(setting)),
      ...(await growth(setting)),
    ];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
