import type { BenchRun } from "./bench.ts";
import { builds } from "./indexes/builds.ts";
import { crowd } from "./indexes/crowd.ts";
import { sweep } from "./indexes/sweep.ts";
import { threshold } from "./indexes/threshold.ts";
import { type Cairn, openCairn } from "./support/cairn.ts";
import { type Dataset, makeDataset } from "./support/dataset.ts";
import type { Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

export interface IndexSetting extends BenchRun {
  readonly cairn: Cairn;
  readonly data: Dataset;
}

/** What an index costs to build and to keep, what many cost the others; in the long form what the defaults were chosen by. */
export async function benchIndexes(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size, run.quick ? 50 : 1_000);
    const setting = { ...run, cairn, data };
    const targets = [...(await builds(setting)), ...(await crowd(setting))];
    if (!run.quick) {
      await sweep(setting);
      await threshold(setting);
    }
    return targets;
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
