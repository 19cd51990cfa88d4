import { parentPort, workerData } from "node:worker_threads";
import { BEHAVIOURS, type Behaviour, type WorstTarget } from "./behaviours.ts";
import { createSender } from "./send.ts";

/** Requests at once. */
const CLIENTS = 20;

const { name, target } = workerData as { readonly name: string; readonly target: WorstTarget };
const { request } = BEHAVIOURS.find((one) => one.name === name) as Behaviour;
const send = createSender(target.url);
const statuses: Record<string, number> = {};
let stopped = false;

async function client(first: number): Promise<void> {
  for (let n = first; !stopped; n += CLIENTS) {
    const { status, retryAfter } = await send({ key: target.key, ...request(target, n) });
    if (Object.keys(statuses).length === 0) parentPort?.postMessage("started");
    statuses[status] = (statuses[status] ?? 0) + 1;
    // A hostile client does not wait as long as it is told to.
    if (retryAfter) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const clients = Array.from({ length: CLIENTS }, (_, n) => client(n));
parentPort?.once("message", async () => {
  stopped = true;
  await Promise.all(clients);
  parentPort?.postMessage(statuses);
});
