import { connectPg } from "@cairn/core/database/pg.ts";
import { query, queryMany } from "@cairn/core/search/query.ts";
import { startDelayingProxy } from "../support/delaying-proxy.ts";
import { latency, measureInTurns, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Target } from "../support/target.ts";
import type { SearchContext } from "./context.ts";

const DELAYS_MS = [0, 1, 5]; // each way

/** The number of round trips of a search, calculated from its latency with network delay. */
export async function benchNetworkDelay({
  cairn,
  databaseUrl,
  tenantId,
  data,
  ...run
}: SearchContext): Promise<readonly Target[]> {
  const queries = data.queries.slice(0, 50);
  const proxies = await Promise.all(DELAYS_MS.map((delay) => startDelayingProxy(databaseUrl, delay)));
  const databases = proxies.map(({ url }) => connectPg({ url }));
  const measured = await measureInTurns(
    queries,
    databases.map((database) => async (embedding) => {
      const hits = await query({ ...cairn, database }, tenantId, { embedding });
      return hits.map(({ id }) => id);
    }),
  );
  const table = [];
  for (const [index, database] of databases.entries()) {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      await queryMany({ ...cairn, database }, tenantId, {
        queries: queries.map((embedding) => ({ embedding })),
      });
      times.push(performance.now() - started);
    }
    table.push({
      "delay each way, ms": DELAYS_MS[index],
      "one query, p50 ms": round(measured[index]?.p50 ?? Number.NaN),
      "50 queries in one call, ms per query": round(latency(times).p50 / queries.length),
    });
    await database.close();
    proxies[index]?.stop();
  }
  const [noDelay, , longDelay] = measured;
  const roundTrips = ((longDelay?.p50 ?? Number.NaN) - (noDelay?.p50 ?? Number.NaN)) / (2 * (DELAYS_MS[2] as number));
  const targets: readonly Target[] = [
    { what: "round trips of a query", value: round(roundTrips), target: 1.25, better: "lower", floor: 1.5 },
  ];
  await report({ bench: "search", title: "Network delay", table, targets }, run);
  return targets;
}
