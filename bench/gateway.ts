import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { startBareProxy } from "./gateway/bare-proxy.ts";
import { compareInPhase, type Operation } from "./gateway/compare.ts";
import { waitForComparison, waitForReplica } from "./gateway/journal.ts";
import { createPeers, MOVING_TENANT, type Peers } from "./gateway/peers.ts";
import { createBodies, fill, type GatewayDataset, makeGatewayDataset } from "./gateway/records.ts";
import { measureReplication } from "./gateway/replication.ts";
import { type Cairn, openCairn, settle } from "./support/cairn.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import { startService } from "./support/service.ts";
import type { Target } from "./support/target.ts";

const GATEWAY_NAMESPACE = "bench";

/** The gateway in front of a real Chroma server in each phase, next to both systems alone. */
export async function benchGateway(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    // The service without a gateway refuses a namespace with tenants in Chroma.
    const keys = { gateway: await createKey(cairn, GATEWAY_NAMESPACE), cairn: await createKey(cairn, "alone") };
    const chroma = servers.chroma.url;
    const gateway = await startService(servers.databaseUrl, { chroma });
    const alone = await startService(servers.databaseUrl);
    const proxy = await startBareProxy(chroma);
    try {
      const addresses = { gateway: gateway.url, chroma, proxy: proxy.url, cairn: alone.url, keys };
      const peers = await createPeers(addresses, "docs");
      const dataset = makeGatewayDataset(run.size);
      for (const peer of Object.values(peers)) await fill(peer, dataset.documents);
      return await measurePhases(cairn, { peers, dataset, run });
    } finally {
      proxy.stop();
      await gateway.stop();
      await alone.stop();
    }
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** Creates a namespace and returns a key of it. */
async function createKey({ database }: Cairn, namespace: string): Promise<string> {
  await addNamespace(database, { name: namespace, settings: {} });
  return (await addNamespaceKey(database, namespace, {})).secret;
}

interface GatewayBench {
  readonly peers: Peers;
  readonly dataset: GatewayDataset;
  readonly run: BenchRun;
}

async function measurePhases(cairn: Cairn, bench: GatewayBench): Promise<readonly Target[]> {
  const { dataset } = bench;
  const afterGateway = async () => void (await waitForReplica(cairn));
  const inChroma = await compareInPhase({
    ...bench,
    phase: "chroma",
    operations: [...reads(dataset), write(dataset, "add", 10, "chroma")],
    against: ["chroma"],
    reference: "proxy",
    maxRatio: 1.3,
    maxExtraMs: 1,
    usual: 1.3,
  });
  await enter(cairn, "mirror");
  const mirrored = await compareInPhase({
    ...bench,
    phase: "mirror",
    operations: [10, 100].flatMap((batch) => [
      write(dataset, "add", batch, "mirror"),
      write(dataset, "upsert", batch, "mirror"),
    ]),
    against: ["chroma", "cairn"],
    maxRatio: 1.5,
    usual: 1.5,
    afterGateway,
  });
  const replicated = await measureReplication(cairn, { ...bench, phase: "mirror" });
  await enter(cairn, "shadow");
  await enter(cairn, "cairn");
  const inCairn = await compareInPhase({
    ...bench,
    phase: "cairn",
    operations: [
      ...reads(dataset).slice(0, 1),
      write(dataset, "add", 10, "cairn"),
      write(dataset, "add", 100, "cairn"),
    ],
    against: ["cairn"],
    maxRatio: 1.3,
    usual: 1.3,
    afterGateway,
  });
  const followed = await measureReplication(cairn, { ...bench, phase: "cairn" });
  return [...inChroma, ...mirrored, ...replicated, ...inCairn, ...followed];
}

async function enter(cairn: Cairn, to: "mirror" | "shadow" | "cairn"): Promise<void> {
  await advance(cairn.database, MOVING_TENANT, { to, namespace: GATEWAY_NAMESPACE, force: true });
  await waitForComparison(cairn);
  await maintainIndexes(cairn.database, {});
  await settle(cairn);
}

function reads({ queries, gets }: GatewayDataset): readonly Operation[] {
  const at = (list: readonly string[], index: number) => list[index % list.length] as string;
  return [
    { name: "query", send: ({ send, collection }, index) => send("POST", `${collection}/query`, at(queries, index)) },
    { name: "get 100 ids", send: ({ send, collection }, index) => send("POST", `${collection}/get`, at(gets, index)) },
    { name: "count", send: ({ send, collection }) => send("GET", `${collection}/count`) },
  ];
}

/** `add` writes new records. `upsert` replaces the same ones again and again. */
function write({ documents }: GatewayDataset, action: "add" | "upsert", batch: number, phase: string): Operation {
  const bodies = createBodies(documents, { batch, prefix: `${phase}-${action}-${batch}`, added: action === "add" });
  const sent = new Map<string, number>(); // of all turns, so that no id is added twice
  return {
    name: `${action} of ${batch}`,
    send({ name, send, collection }) {
      const index = sent.get(name) ?? 0;
      sent.set(name, index + 1);
      return send("POST", `${collection}/${action}`, bodies(index));
    },
  };
}
