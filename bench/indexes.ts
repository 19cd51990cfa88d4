import { benchBuilds } from "./indexes/builds.ts";
import { benchManyIndexes } from "./indexes/many-indexes.ts";
import { sweepSettings } from "./indexes/sweep.ts";
import { compareThresholds } from "./indexes/threshold.ts";
import { openCairn } from "./support/cairn.ts";
import { makeDataset } from "./support/dataset.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

/** The cost of an index build and of many indexes; in the long form also the measurements behind the default settings. */
export async function benchIndexes(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size, run.quick ? 50 : 1_000);
    const context = { ...run, cairn, data };
    const targets = [...(await benchBuilds(context)), ...(await benchManyIndexes(context))];
    if (!run.quick) {
      await sweepSettings(context);
      await compareThresholds(context);
    }
    return targets;
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
