import { parentPort, workerData } from "node:worker_threads";
import { BEHAVIOURS, type Behaviour, type NoisyTenant } from "./behaviours.ts";
import { createSender } from "./sender.ts";

/** Concurrent requests. */
const CLIENTS = 20;

const { name, tenant } = workerData as { readonly name: string; readonly tenant: NoisyTenant };
const { request } = BEHAVIOURS.find((behaviour) => behaviour.name === name) as Behaviour;
const send = createSender(tenant.url);
const statuses: Record<string, number> = {};
let stopped = false;

async function client(first: number): Promise<void> {
  for (let n = first; !stopped; n += CLIENTS) {
    const { status, retryAfter } = await send({ key: tenant.key, ...request(tenant, n) });
    if (Object.keys(statuses).length === 0) parentPort?.postMessage("started");
    statuses[status] = (statuses[status] ?? 0) + 1;
    // A hostile client waits less than Retry-After says.
    if (retryAfter) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const clients = Array.from({ length: CLIENTS }, (_, n) => client(n));
parentPort?.once("message", async () => {
  stopped = true;
  await Promise.all(clients);
  parentPort?.postMessage(statuses);
});
