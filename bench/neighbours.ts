import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import type { BenchRun } from "./bench.ts";
import { BEHAVIOURS, type WorstTarget } from "./neighbours/behaviours.ts";
import { createSender, type Sender } from "./neighbours/send.ts";
import { startWorst } from "./neighbours/worst.ts";
import { load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { makeDataset } from "./support/dataset.ts";
import { latency, round } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startDatabase } from "./support/servers.ts";
import { startService } from "./support/service.ts";

/** Rows of the quiet tenant. */
const QUIET_ROWS = 500;

/** Seconds that each behaviour lasts before and while it is measured. */
const WARM_UP = 1.5;

/** What one tenant's worst does to another's searches: the quiet tenant's p95 while the other is busy, and idle. */
export async function benchNeighbours(run: BenchRun): Promise<readonly Target[]> {
  const { url, stop } = await startDatabase();
  const cairn = await openCairn(url);
  try {
    const { documents, queries } = makeDataset(Math.min(run.size, 10_000), 50);
    const [quiet, busy] = [await makeTenant(cairn, "quiet"), await makeTenant(cairn, "busy")];
    await load(cairn, quiet, documents.slice(0, QUIET_ROWS));
    await load(cairn, busy, documents);
    await maintainIndexes(cairn.database, {});
    await settle(cairn);
    const keyOf = async (tenant: string) =>
      (await createApiKey(cairn.database, tenant, { scopes: ["read", "write", "admin"] })).secret;
    const service = await startService(url);
    try {
      const sender = createSender(service.url);
      const target = { url: service.url, key: await keyOf(busy), documents, queries };
      const ask = searchOf(sender, await keyOf(quiet), queries);
      return await compare(ask, target, run);
    } finally {
      await service.stop();
    }
  } finally {
    await cairn.close();
    await stop();
  }
}

type Ask = () => Promise<void>;

function searchOf(sender: Sender, key: string, queries: readonly Float32Array[]): Ask {
  let at = 0;
  return async () => {
    const embedding = queries[at++ % queries.length] as Float32Array;
    const body = { query_embedding: Buffer.from(embedding.buffer).toString("base64"), top_k: 10 };
    const { status } = await sender({ path: "/v1/query", key, body: JSON.stringify(body) });
    if (status !== 200) throw new Error(`The quiet tenant was answered ${status}`);
  };
}

async function compare(ask: Ask, target: WorstTarget, run: BenchRun): Promise<readonly Target[]> {
  const seconds = run.quick ? 3 : 10;
  await searchFor(ask, 2); // warm-up
  const table = [];
  for (const behaviour of BEHAVIOURS) {
    const idle = latency(await searchFor(ask, seconds / 2));
    const worst = startWorst(behaviour.name, target);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP * 1000));
    const { times, failures } = await searchAnyway(ask, seconds);
    const statuses = await worst.stop();
    const loaded = latency(times);
    table.push({
      "the other tenant": behaviour.name,
      "idle p95, ms": round(idle.p95),
      "p50 meanwhile, ms": round(loaded.p50),
      "p95 meanwhile, ms": round(loaded.p95),
      "p95 / idle": round(loaded.p95 / idle.p95),
      "searches that failed": failures,
      "its own answers": Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(", "),
    });
  }
  const targets: readonly Target[] = table.map((row) => ({
    what: `another tenant's p95 / idle, while one tenant sends ${row["the other tenant"]}`,
    value: row["p95 / idle"],
    target: 5,
    better: "lower" as const,
  }));
  const failed: Target = {
    what: "searches of another tenant that failed meanwhile",
    value: table.reduce((sum, row) => sum + row["searches that failed"], 0),
    target: 0,
    better: "lower",
    floor: 0,
  };
  const all = [...targets, failed];
  await report(
    { bench: "neighbours", title: "One tenant's worst, and another's searches", table, targets: all },
    run,
  );
  return all;
}

/** Milliseconds of searches, one after the other with a short pause, as a person's are. */
async function searchFor(ask: Ask, seconds: number): Promise<readonly number[]> {
  const { times, failures } = await searchAnyway(ask, seconds);
  if (failures > 0) throw new Error(`${failures} searches failed while nobody else was there`);
  return times;
}

async function searchAnyway(ask: Ask, seconds: number) {
  const times: number[] = [];
  let failures = 0;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const began = performance.now();
    await ask().catch(() => failures++);
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { times, failures };
}
