import { connectPg } from "@cairn/core/database/pg.ts";
import { query, queryMany } from "@cairn/core/search/query.ts";
import type { SearchSetting } from "../search.ts";
import { delayingProxy } from "../support/delay.ts";
import { latency, measureInTurns, round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";

const DELAYS = [0, 1, 5]; // ms, each way

/** What a round trip costs more, a search costs more: as often as it waits for one. */
export async function overTheWire({
  cairn,
  databaseUrl,
  tenantId,
  data,
  ...run
}: SearchSetting): Promise<readonly Target[]> {
  const queries = data.queries.slice(0, 50);
  const proxies = await Promise.all(DELAYS.map((delay) => delayingProxy(databaseUrl, delay)));
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
      "delay each way, ms": DELAYS[index],
      "a query, p50 ms": round(measured[index]?.p50 ?? Number.NaN),
      "50 in one call, ms each": round(latency(times).p50 / queries.length),
    });
    await database.close();
    proxies[index]?.stop();
  }
  const [near, , far] = measured;
  const trips = ((far?.p50 ?? Number.NaN) - (near?.p50 ?? Number.NaN)) / (2 * (DELAYS[2] as number));
  const targets: readonly Target[] = [
    { what: "round trips of a query", value: round(trips), target: 1.25, better: "lower", floor: 1.5 },
  ];
  await report({ bench: "search", title: "Over a slow wire", table, targets }, run);
  return targets;
}
