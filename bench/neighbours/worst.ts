import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { WorstTarget } from "./behaviours.ts";

export type Statuses = Readonly<Record<string, number>>;

export interface Worst {
  /** Ends it; how often the tenant was answered with each status. */
  stop(): Promise<Statuses>;
}

/**
 * One tenant at its worst, once it is answered and until it is stopped. In a thread of its own: what it takes to write its requests is not time
 * that another tenant waits for the service.
 */
export async function startWorst(name: string, target: WorstTarget): Promise<Worst> {
  const worker = new Worker(fileURLToPath(new URL("worst-thread.ts", import.meta.url)), {
    workerData: { name, target },
  });
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  failed.catch(() => {}); // told by stop()
  await Promise.race([once(worker, "message"), failed]); // its first answer has come
  return {
    async stop() {
      const statuses = new Promise<Statuses>((resolve) => worker.once("message", resolve));
      worker.postMessage("stop");
      return Promise.race([statuses, failed]).finally(() => worker.terminate());
    },
  };
}
