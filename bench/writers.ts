import { createCollection } from "@cairn/core/collection/create.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { openCairn } from "./support/cairn.ts";
import { latency, round } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import { startService } from "./support/service.ts";
import type { Target } from "./support/target.ts";

/** Documents that all writers replace repeatedly. */
const SHARED_DOCUMENTS = 200;

/** Documents per request, in random order. */
const DOCUMENTS_PER_REQUEST = 20;

/** Few dimensions, because the writers share the machine with the service and the benchmark measures lock contention. */
const DIMENSIONS = 16;

const SECONDS = 15;

/** Concurrent writers over HTTP that replace the same documents, each in another order. */
export async function benchWriters(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const { id: tenantId } = await createTenant(cairn.database, { name: "writers" });
    await createCollection(cairn.database, tenantId, { embeddingModel: null, dimensions: DIMENSIONS });
    const { secret } = await createApiKey(cairn.database, tenantId, { scopes: ["read", "write"] });
    const service = await startService(servers.databaseUrl);
    try {
      const table = [];
      for (const writers of [10, 50]) {
        const { succeeded, failed, times } = await write(`${service.url}/v1/documents`, secret, writers);
        const { p50, p95 } = latency(times);
        table.push({
          writers,
          "successful requests": succeeded,
          failed,
          "p50, ms": round(p50),
          "p95, ms": round(p95),
        });
      }
      const { rows } = await cairn.raw.query(
        "SELECT deadlocks::int AS deadlocks FROM pg_stat_database WHERE datname = current_database()",
      );
      const fiftyWriters = table.at(-1);
      const targets: readonly Target[] = [
        {
          what: `successful requests of 50 writers in ${SECONDS} s`,
          value: fiftyWriters?.["successful requests"] ?? 0,
          target: 1_000,
          better: "higher",
        },
        { what: "failed requests", value: fiftyWriters?.failed ?? 0, target: 0, better: "lower" },
        { what: "deadlocks", value: rows[0].deadlocks, target: 0, better: "lower" },
      ];
      const title = `Writers of the same ${SHARED_DOCUMENTS} documents, ${DOCUMENTS_PER_REQUEST} per request, ${SECONDS} s`;
      await report({ bench: "writers", title, table, targets }, run);
      return targets;
    } finally {
      await service.stop();
    }
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

async function write(url: string, secret: string, writers: number) {
  const documents = Array.from({ length: SHARED_DOCUMENTS }, (_, n) => ({
    id: `document-${n}`,
    content: `Document ${n}, which all writers replace.`,
    embedding: Array.from({ length: DIMENSIONS }, (_, element) => Math.sin(n * DIMENSIONS + element)),
  }));
  const times: number[] = [];
  let failed = 0;
  const until = performance.now() + SECONDS * 1000;
  const writer = async () => {
    while (performance.now() < until) {
      const batch = documents.toSorted(() => Math.random() - 0.5).slice(0, DOCUMENTS_PER_REQUEST);
      const startedAt = performance.now();
      const response = await fetch(url, {
        method: "POST",
        headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
        body: JSON.stringify({ documents: batch }),
      });
      await response.arrayBuffer();
      if (response.status === 200) times.push(performance.now() - startedAt);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return { succeeded: times.length, failed, times };
}
