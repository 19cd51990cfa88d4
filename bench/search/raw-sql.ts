import { type Settings, setLocal } from "@cairn/core/database/settings.ts";
import { PgDialect } from "drizzle-orm/pg-core";
import { Client } from "pg";
import { load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import { searchStatement } from "../support/search-statement.ts";
import type { Target } from "../support/target.ts";
import type { SearchContext } from "./context.ts";

/**
 * The overhead of the library: the same SELECT with the same role, tenant and settings, sent by the driver on its core
 * connection. It is sent once unprepared and once as a prepared statement with a generic plan, as the library does.
 */
export async function benchRawSql({
  cairn,
  databaseUrl,
  data,
  tenantId,
  ...run
}: SearchContext): Promise<readonly Target[]> {
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
    const plainClient = await connect(databaseUrl, settings);
    const preparingClient = await connect(databaseUrl, {
      ...settings,
      plan_cache_mode: "force_generic_plan",
    });
    const dialect = new PgDialect();
    const searchOn = (client: Client, name?: string) => async (embedding: Float32Array) => {
      const { sql, params } = dialect.sqlToQuery(toSql(embedding));
      return (await client.query<{ id: string }>({ name, text: sql, values: params })).rows.map((row) => row.id);
    };
    const searches = [searcher(cairn, id), searchOn(plainClient), searchOn(preparingClient, "search")];
    const [core, unprepared, prepared] = (await measureInTurns(data.queries, searches)) as [
      Measured,
      Measured,
      Measured,
    ];
    await plainClient.end();
    await preparingClient.end();
    const fastest = Math.min(unprepared.p50, prepared.p50);
    table.push({
      rows,
      plan,
      "core p50, ms": round(core.p50),
      "raw SQL p50, unprepared": round(unprepared.p50),
      "raw SQL p50, prepared": round(prepared.p50),
      "core to unprepared": round(core.p50 / unprepared.p50),
      "core to prepared": round(core.p50 / prepared.p50),
      "core minus the faster raw SQL, ms": round(core.p50 - fastest),
    });
    targets.push(
      rows < 1_000
        ? {
            what: `core minus the faster raw SQL at ${rows} rows, p50, ms`,
            value: round(core.p50 - fastest),
            target: 0.5,
            better: "lower",
            floor: 2,
          }
        : {
            what: `core to the faster raw SQL at ${rows} rows, p50`,
            value: round(core.p50 / fastest),
            target: 1.25,
            better: "lower",
            usual: 1.2,
          },
    );
  }
  const title = "A search through packages/core compared with the same SELECT as raw SQL";
  await report({ bench: "search", title, table, targets }, run);
  return targets;
}

/** A driver connection with these settings for the session. */
async function connect(url: string, settings: Settings): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const statement of setLocal(settings)) await client.query(statement.replace("SET LOCAL", "SET"));
  return client;
}
