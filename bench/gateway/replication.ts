import type { Cairn } from "../support/cairn.ts";
import { round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import { runClients } from "../support/turns.ts";
import { countPending, waitForReplica } from "./journal.ts";
import type { Peers } from "./peers.ts";
import { createBodies, type GatewayDataset } from "./records.ts";

const CLIENTS = 4;

/** Whether the replica keeps up with clients that write without a pause: the journal after the load, and until it is empty. */
export async function measureReplication(
  cairn: Cairn,
  {
    phase,
    peers,
    run,
    dataset,
  }: { readonly phase: string; readonly peers: Peers; readonly run: BenchRun; readonly dataset: GatewayDataset },
): Promise<readonly Target[]> {
  const seconds = run.quick ? 3 : 15;
  const table: Record<string, string | number>[] = [];
  const targets: Target[] = [];
  for (const batch of [10, 100]) {
    const { send, collection } = peers.gateway;
    const bodies = createBodies(dataset.documents, { batch, prefix: `load-${phase}-${batch}`, added: true });
    let sent = 0;
    await waitForReplica(cairn);
    const startedAt = performance.now();
    const times = await runClients(() => send("POST", `${collection}/upsert`, bodies(sent++)), {
      clients: CLIENTS,
      seconds,
    });
    const loadSeconds = (performance.now() - startedAt) / 1000;
    const pending = await countPending(cairn);
    const catchUpSeconds = (await waitForReplica(cairn)) / 1000;
    const written = times.length * batch;
    const share = round((written - pending) / written);
    table.push({
      "records/request": batch,
      "written, records/s": round(written / loadSeconds, 0),
      "replicated meanwhile, records/s": round((written - pending) / loadSeconds, 0),
      "pending after the load": pending,
      "until the replica is equal, s": round(catchUpSeconds),
      "replicated after the load, records/s": catchUpSeconds > 0 ? round(pending / catchUpSeconds, 0) : "",
    });
    targets.push({
      what: `phase ${phase}, ${CLIENTS} clients, ${batch} records a request: share replicated during the load`,
      value: share,
      target: 0.9,
      better: "higher",
      floor: 0.3,
    });
  }
  const title = `Replication in the phase ${phase} while ${CLIENTS} clients write for ${seconds} s`;
  await report({ bench: "gateway", title, table, targets }, run);
  return targets;
}
