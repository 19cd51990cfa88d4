import type { Peer } from "../chroma-api/peer.ts";
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

export interface ReplicationBench {
  readonly phase: "mirror" | "cairn";
  readonly peers: Peers;
  readonly run: BenchRun;
  readonly dataset: GatewayDataset;
}

interface Measured {
  readonly batch: number;
  readonly written: number;
  readonly seconds: number;
  /** Records in the journal when the load ends. */
  readonly pending: number;
  /** Seconds from then on until the journal is empty. */
  readonly catchUp: number;
  /** Records a second that the system of the replica takes from the same clients without a gateway. */
  readonly alone: number;
}

/** Whether the replica keeps up with clients that write without a pause: the journal after the load, and until it is empty. */
export async function measureReplication(cairn: Cairn, bench: ReplicationBench): Promise<readonly Target[]> {
  const { phase, peers, run, dataset } = bench;
  const seconds = run.quick ? 3 : 15;
  const replica = phase === "mirror" ? peers.cairn : peers.chroma;
  const measured: Measured[] = [];
  for (const batch of [10, 100]) {
    const bodies = createBodies(dataset.documents, { batch, prefix: `load-${phase}-${batch}`, added: true });
    await waitForReplica(cairn);
    const load = await write(peers.gateway, bodies, seconds);
    const pending = await countPending(cairn);
    const catchUp = (await waitForReplica(cairn)) / 1000;
    const direct = await write(replica, bodies, seconds);
    const alone = (direct.requests * batch) / direct.seconds;
    measured.push({ batch, written: load.requests * batch, seconds: load.seconds, pending, catchUp, alone });
  }
  const table = measured.map((row) => toRow(row, replica.name));
  const targets = measured.map((row) => (phase === "mirror" ? keepsUp(row) : isAsFast(row)));
  const title = `Replication in the phase ${phase} while ${CLIENTS} clients write for ${seconds} s`;
  await report({ bench: "gateway", title, table, targets }, run);
  return targets;
}

async function write({ send, collection }: Peer, bodies: (index: number) => string, seconds: number) {
  let sent = 0;
  const startedAt = performance.now();
  const upsert = () => send("POST", `${collection}/upsert`, bodies(sent++));
  const { length: requests } = await runClients(upsert, { clients: CLIENTS, seconds });
  return { requests, seconds: (performance.now() - startedAt) / 1000 };
}

function toRow({ batch, written, seconds, pending, catchUp, alone }: Measured, replica: string) {
  return {
    "records/request": batch,
    "written, records/s": round(written / seconds, 0),
    "replicated meanwhile, records/s": round((written - pending) / seconds, 0),
    "pending after the load": pending,
    "until the replica is equal, s": round(catchUp),
    "replicated in all, records/s": round(written / (seconds + catchUp), 0),
    [`${replica} alone, records/s`]: round(alone, 0),
  };
}

/** Cairn takes records faster than Chroma, so its replica must not fall behind. */
function keepsUp({ batch, written, pending }: Measured): Target {
  const what = `phase mirror, ${CLIENTS} clients, ${batch} records a request: share replicated during the load`;
  return { what, value: round((written - pending) / written), target: 0.9, better: "higher", floor: 0.3 };
}

/** Chroma takes records more slowly than Cairn, so replication has to be as fast as Chroma itself, and writers wait for it. */
function isAsFast({ batch, written, seconds, catchUp, alone }: Measured): Target {
  const what = `phase cairn, ${batch} records a request: rate of replication to that of Chroma's own clients`;
  const value = round(written / (seconds + catchUp) / alone);
  return { what, value, target: 0.8, better: "higher", usual: 0.8 };
}
