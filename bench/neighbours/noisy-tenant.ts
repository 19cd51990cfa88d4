import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { NoisyTenant } from "./behaviours.ts";

export type StatusCounts = Readonly<Record<string, number>>;

export interface NoisyTenantLoad {
  /** Stops the load. Returns the number of responses by status. */
  stop(): Promise<StatusCounts>;
}

/**
 * Starts the load of a noisy tenant; resolves after its first response. The load runs in a separate thread, so that the
 * time of building its requests is not counted as another tenant's latency.
 */
export async function startNoisyTenant(name: string, tenant: NoisyTenant): Promise<NoisyTenantLoad> {
  const worker = new Worker(fileURLToPath(new URL("noisy-tenant-thread.ts", import.meta.url)), {
    workerData: { name, tenant },
  });
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  failed.catch(() => {}); // stop() reports the failure
  await Promise.race([once(worker, "message"), failed]); // the first response
  return {
    async stop() {
      const statuses = new Promise<StatusCounts>((resolve) => worker.once("message", resolve));
      worker.postMessage("stop");
      return Promise.race([statuses, failed]).finally(() => worker.terminate());
    },
  };
}
