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
      const search = searchOf(sender, await keyOf(quiet), queries);
      return await compare({ search, health: () => checkHealth(sender) }, target, run);
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

async function checkHealth(sender: Sender): Promise<void> {
  const { status } = await sender({ path: "/health", key: "", method: "GET" });
  if (status !== 200) throw new Error(`/health answered ${status}`);
}

async function compare(
  { search, health }: { readonly search: Ask; readonly health: Ask },
  target: WorstTarget,
  run: BenchRun,
): Promise<readonly Target[]> {
  const seconds = run.quick ? 3 : 10;
  await searchFor(search, 2); // warm-up
  const alone: number[] = []; // in between, so that a machine that slows down slows both
  const seen = [];
  for (const { name } of BEHAVIOURS) {
    alone.push(...(await searchFor(search, seconds / 2)));
    const worst = await startWorst(name, target);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP * 1000));
    const [searches, checks] = await Promise.all([repeat(search, seconds), repeat(health, seconds)]);
    seen.push({ name, searches, checks, statuses: await worst.stop() });
  }
  const idle = latency(alone);
  const table = seen.map(({ name, searches, checks, statuses }) => {
    const busy = latency(searches.times);
    return {
      "the other tenant": name,
      "idle p95, ms": round(idle.p95),
      "p50 meanwhile, ms": round(busy.p50),
      "p95 meanwhile, ms": round(busy.p95),
      "p95 / idle": round(busy.p95 / idle.p95),
      "/health p95, ms": round(latency(checks.times).p95),
      "requests that failed": searches.failures + checks.failures,
      "its own answers": Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(", "),
    };
  });
  const targets = table.flatMap((row): readonly Target[] => {
    const meanwhile = `while one tenant sends ${row["the other tenant"]}`;
    return [
      {
        what: `another tenant's p95 / idle, ${meanwhile}`,
        value: row["p95 / idle"],
        target: 5,
        better: "lower",
      },
      {
        what: `p95 of /health, ms, ${meanwhile}`,
        value: row["/health p95, ms"],
        target: 100,
        better: "lower",
      },
    ];
  });
  const failed: Target = {
    what: "requests of another tenant that failed meanwhile",
    value: table.reduce((sum, row) => sum + row["requests that failed"], 0),
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

/** Milliseconds of searches while nobody else is there. */
async function searchFor(ask: Ask, seconds: number): Promise<readonly number[]> {
  const { times, failures } = await repeat(ask, seconds);
  if (failures > 0) throw new Error(`${failures} searches failed while nobody else was there`);
  return times;
}

/** Milliseconds of each, one after the other with a short pause, as a person's are. */
async function repeat(ask: Ask, seconds: number) {
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
