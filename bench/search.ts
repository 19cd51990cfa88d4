import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { benchGrowth } from "./search/growth.ts";
import { benchLoad } from "./search/load.ts";
import { benchNetworkDelay } from "./search/network-delay.ts";
import { benchRawSql } from "./search/raw-sql.ts";
import { benchRecall } from "./search/recall.ts";
import { type Cairn, exactNeighbors, load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { addDocuments, type ChromaCollection, makeCollection } from "./support/chroma.ts";
import { type Dataset, makeDataset } from "./support/dataset.ts";
import type { Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

/** One large collection in Cairn and in Chroma, with the queries for both. */
export interface SearchContext extends BenchRun {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly chroma: ChromaCollection;
  readonly data: Dataset;
  /** The ten true nearest neighbors of each query. */
  readonly truth: readonly (readonly string[])[];
}

/**
 * Searches in one large collection: compared with raw SQL, compared with Chroma under load, recall against latency, with
 * network delay, and by size.
 */
export async function benchSearch(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const dataset = makeDataset(run.size);
    const data = { ...dataset, queries: dataset.queries.slice(0, run.quick ? 50 : 200) };
    const tenantId = await makeTenant(cairn, "large");
    await load(cairn, tenantId, data.documents);
    await maintainIndexes(cairn.database);
    const chroma = await makeCollection(servers.chroma.url, "large");
    await addDocuments(chroma, data.documents);
    await settle(cairn);
    const truth = await exactNeighbors(cairn, tenantId, data.queries);
    const context = { ...run, cairn, databaseUrl: servers.databaseUrl, tenantId, chroma, data, truth };
    return [
      ...(await benchRawSql(context)),
      ...(await benchLoad(context)),
      ...(await benchRecall(context)),
      ...(await benchNetworkDelay(context)),
      ...(await benchGrowth(context)),
    ];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
