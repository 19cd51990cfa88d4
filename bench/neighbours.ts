import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { BEHAVIOURS, type NoisyTenant } from "./neighbours/behaviours.ts";
import { startNoisyTenant } from "./neighbours/noisy-tenant.ts";
import { createSender, type Sender } from "./neighbours/sender.ts";
import { load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { makeDataset } from "./support/dataset.ts";
import { latency, round } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startDatabase } from "./support/servers.ts";
import { startService } from "./support/service.ts";
import type { Target } from "./support/target.ts";

/** Rows of the quiet tenant. */
const QUIET_ROWS = 500;

/** Seconds that each behaviour lasts before the measurement starts. */
const WARM_UP_SECONDS = 1.5;

/** The effect of a noisy tenant on another tenant's searches: the quiet tenant's p95 during the load and idle. */
export async function benchNeighbours(run: BenchRun): Promise<readonly Target[]> {
  const { url, stop } = await startDatabase();
  const cairn = await openCairn(url);
  try {
    const { documents, queries } = makeDataset(Math.min(run.size, 10_000), 50);
    const [quiet, noisy] = [await makeTenant(cairn, "quiet"), await makeTenant(cairn, "noisy")];
    await load(cairn, quiet, documents.slice(0, QUIET_ROWS));
    await load(cairn, noisy, documents);
    await maintainIndexes(cairn.database, {});
    await settle(cairn);
    const keyOf = async (tenant: string) =>
      (await createApiKey(cairn.database, tenant, { scopes: ["read", "write", "admin"] })).secret;
    const service = await startService(url);
    try {
      const sender = createSender(service.url);
      const noisyTenant = { url: service.url, key: await keyOf(noisy), documents, queries };
      const search = searchOf(sender, await keyOf(quiet), queries);
      return await compare({ search, health: () => checkHealth(sender) }, noisyTenant, run);
    } finally {
      await service.stop();
    }
  } finally {
    await cairn.close();
    await stop();
  }
}

type Call = () => Promise<void>;

function searchOf(sender: Sender, key: string, queries: readonly Float32Array[]): Call {
  let at = 0;
  return async () => {
    const embedding = queries[at++ % queries.length] as Float32Array;
    const body = { query_embedding: Buffer.from(embedding.buffer).toString("base64"), top_k: 10 };
    const { status } = await sender({ path: "/v1/query", key, body: JSON.stringify(body) });
    if (status !== 200) throw new Error(`The quiet tenant's search failed with status ${status}`);
  };
}

async function checkHealth(sender: Sender): Promise<void> {
  const { status } = await sender({ path: "/health", key: "", method: "GET" });
  if (status !== 200) throw new Error(`/health failed with status ${status}`);
}

async function compare(
  { search, health }: { readonly search: Call; readonly health: Call },
  noisyTenant: NoisyTenant,
  run: BenchRun,
): Promise<readonly Target[]> {
  const seconds = run.quick ? 3 : 10;
  await searchIdle(search, 2); // warm-up
  const idleTimes: number[] = []; // measured between the loads, so that a slower machine slows both
  const measurements = [];
  for (const { name } of BEHAVIOURS) {
    idleTimes.push(...(await searchIdle(search, seconds / 2)));
    const noise = await startNoisyTenant(name, noisyTenant);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_SECONDS * 1000));
    const [searches, checks] = await Promise.all([repeat(search, seconds), repeat(health, seconds)]);
    measurements.push({ name, searches, checks, statuses: await noise.stop() });
  }
  const idle = latency(idleTimes);
  const table = measurements.map(({ name, searches, checks, statuses }) => {
    const busy = latency(searches.times);
    return {
      "load of the noisy tenant": name,
      "idle p95, ms": round(idle.p95),
      "p50 under load, ms": round(busy.p50),
      "p95 under load, ms": round(busy.p95),
      "p95 to idle": round(busy.p95 / idle.p95),
      "/health p95, ms": round(latency(checks.times).p95),
      "failed requests": searches.failures + checks.failures,
      "responses to the noisy tenant": Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(", "),
    };
  });
  const targets = table.flatMap((row): readonly Target[] => {
    const condition = `while one tenant sends ${row["load of the noisy tenant"]}`;
    return [
      {
        what: `another tenant's p95 to idle, ${condition}`,
        value: row["p95 to idle"],
        target: 5,
        better: "lower",
      },
      {
        what: `p95 of /health, ms, ${condition}`,
        value: row["/health p95, ms"],
        target: 100,
        better: "lower",
      },
    ];
  });
  const failed: Target = {
    what: "failed requests of the quiet tenant",
    value: table.reduce((sum, row) => sum + row["failed requests"], 0),
    target: 0,
    better: "lower",
    floor: 0,
  };
  const all = [...targets, failed];
  await report({ bench: "neighbours", title: "Searches of a tenant next to a noisy tenant", table, targets: all }, run);
  return all;
}

/** Milliseconds of searches without other load. Throws if a search fails. */
async function searchIdle(call: Call, seconds: number): Promise<readonly number[]> {
  const { times, failures } = await repeat(call, seconds);
  if (failures > 0) throw new Error(`${failures} searches failed without other load`);
  return times;
}

/** Milliseconds of each call, sequentially with a short pause, as a person searches. */
async function repeat(call: Call, seconds: number) {
  const times: number[] = [];
  let failures = 0;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const startedAt = performance.now();
    await call().catch(() => failures++);
    times.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { times, failures };
}
