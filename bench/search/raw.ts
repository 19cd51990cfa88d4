import { type Settings, setLocal } from "@cairn/core/database/settings.ts";
import { PgDialect } from "drizzle-orm/pg-core";
import { Client } from "pg";
import type { SearchSetting } from "../search.ts";
import { load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";
import { searchStatement } from "../support/statement.ts";

/**
 * The same SELECT with the same role, tenant and settings, made once for a bare connection, sent by the driver alone:
 * what the library adds. Once planned each time, once under a name whose plan is kept, as the library keeps it.
 */
export async function besideRawSql({
  cairn,
  databaseUrl,
  data,
  tenantId,
  ...run
}: SearchSetting): Promise<readonly Target[]> {
  const tenants = [[data.documents.length, tenantId] as const];
  for (const rows of [60, 1_000]) {
    const id = await makeTenant(cairn, `small ${rows}`);
    await load(cairn, id, data.documents.slice(0, rows));
    tenants.push([rows, id]);
  }
  await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
  const table = [];
  const targets: Target[] = [];
  for (const [rows, id] of tenants.toSorted(([a], [b]) => a - b)) {
    const { plan, settings, toSql } = await searchStatement(cairn, id);
    const planned = await connect(databaseUrl, settings);
    const kept = await connect(databaseUrl, { ...settings, plan_cache_mode: "force_generic_plan" });
    const dialect = new PgDialect();
    const sendTo = (client: Client, name?: string) => async (embedding: Float32Array) => {
      const { sql, params } = dialect.sqlToQuery(toSql(embedding));
      return (await client.query<{ id: string }>({ name, text: sql, values: params })).rows.map(
        (row) => row.id,
      );
    };
    const ways = [searcher(cairn, id), sendTo(planned), sendTo(kept, "search")];
    const [own, unnamed, named] = (await measureInTurns(data.queries, ways)) as [
      Measured,
      Measured,
      Measured,
    ];
    await planned.end();
    await kept.end();
    const fastest = Math.min(unnamed.p50, named.p50);
    table.push({
      rows,
      plan,
      "core p50, ms": round(own.p50),
      "raw, planned each time": round(unnamed.p50),
      "raw, plan kept": round(named.p50),
      "core / planned": round(own.p50 / unnamed.p50),
      "core / kept": round(own.p50 / named.p50),
      "more than the faster, ms": round(own.p50 - fastest),
    });
    targets.push(
      rows < 1_000
        ? {
            what: `core − the faster raw SQL at ${rows} rows, p50, ms`,
            value: round(own.p50 - fastest),
            target: 0.5,
            better: "lower",
            floor: 2,
          }
        : {
            what: `core / the faster raw SQL at ${rows} rows, p50`,
            value: round(own.p50 / fastest),
            target: 1.25,
            better: "lower",
            usual: 1.2,
          },
    );
  }
  const title = "A search through packages/core beside the same SELECT sent raw";
  await report({ bench: "search", title, table, targets }, run);
  return targets;
}

/** A bare connection of the driver's that has these settings all along. */
async function connect(url: string, settings: Settings): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const statement of setLocal(settings)) await client.query(statement.replace("SET LOCAL", "SET"));
  return client;
}
