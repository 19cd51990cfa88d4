import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { benchGrowth } from "./search/growth.ts";
import { benchLoad } from "./search/load.ts";
import { benchNetworkDelay } from "./search/network-delay.ts";
import { benchRawSql } from "./search/raw-sql.ts";
import { benchRecall } from "./search/recall.ts";
import { exactNeighbors, load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection } from "./support/chroma.ts";
import { makeDataset } from "./support/dataset.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

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
