import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { measureBlocking } from "./chroma-api/blocking.ts";
import { compareOperations } from "./chroma-api/operations.ts";
import type { Peer } from "./chroma-api/peer.ts";
import { compareAdds } from "./chroma-api/writes.ts";
import { exactNeighbors, load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection } from "./support/chroma.ts";
import { makeDataset } from "./support/dataset.ts";
import { httpClient } from "./support/http-client.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import { startService } from "./support/service.ts";
import type { Target } from "./support/target.ts";

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Chroma's HTTP API served by Cairn, next to a real Chroma server, with the same requests. */
export async function benchChromaApi(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const { documents, queries } = makeDataset(run.size);
    const tenantId = await makeTenant(cairn, "chroma-api");
    await load(cairn, tenantId, documents);
    await maintainIndexes(cairn.database, { tenantId });
    const chroma = await makeCollection(servers.chroma.url, "chroma-api");
    await addDocuments(chroma, documents);
    await settle(cairn);
    const { secret } = await createApiKey(cairn.database, tenantId);
    const truth = await exactNeighbors(cairn, tenantId, queries);
    const service = await startService(servers.databaseUrl);
    const send = httpClient(4, { "X-Chroma-Token": secret });
    const [own] = JSON.parse(await send("GET", `${service.url}${DATABASE}/collections`)) as readonly {
      readonly id: string;
    }[];
    const peers: readonly [Peer, Peer] = [
      {
        name: "Cairn",
        send,
        database: `${service.url}${DATABASE}`,
        collection: `${service.url}${DATABASE}/collections/${own?.id}`,
      },
      { name: "Chroma", send: httpClient(4), database: `${servers.chroma.url}${DATABASE}`, collection: chroma.url },
    ];
    try {
      return [
        ...(await compareOperations(peers, { run, documents, queries, truth })),
        ...(await compareAdds(peers, { run, documents })),
        ...(run.quick ? [] : await measureBlocking(peers[0], { run, service: service.url })),
      ];
    } finally {
      await service.stop();
    }
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
