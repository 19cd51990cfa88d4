import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { Cairn } from "./cairn.ts";

export interface IndexBuild {
  readonly seconds: number;
  /** Processes that helped. */
  readonly helpers: number;
  /** Megabytes that it was given. */
  readonly memory: number;
  /** Megabytes of what was built. */
  readonly vector: number;
  readonly keyword: number;
  /** As the build found it best, as is what it is searched by. */
  readonly precision: string;
  readonly efSearch: number;
}

/** Builds the indexes of the tenant's collection, and what it had before from nothing; tells what the build was given. */
export async function buildIndex(
  cairn: Cairn,
  tenantId: string,
  options: BuildOptions = {},
): Promise<IndexBuild> {
  await dropIndexes(cairn, tenantId);
  let given: Readonly<Record<string, string>> = {};
  const database: Cairn["database"] = {
    ...cairn.database,
    maintain(statements, settings = {}, signal) {
      given = { ...given, ...settings };
      return cairn.database.maintain(statements, settings, signal);
    },
  };
  const started = performance.now();
  await maintainIndexes(database, { ...options, tenantId });
  const seconds = (performance.now() - started) / 1000;
  const { rows } = await cairn.raw.query<{
    kind: string;
    size: number;
    ef: number | null;
    precision: string;
  }>(
    `SELECT kind, (settings->>'efSearch')::int AS ef, settings->>'precision' AS precision, pg_relation_size(('cairn.' || name)::regclass)::float8 / 1048576 AS size FROM cairn.collection_indexes
     WHERE tenant_id = $1 AND state = 'valid' AND kind <> 'tail'`,
    [tenantId],
  );
  const graph = rows.find(({ kind }) => kind === "vector");
  const size = (kind: string) => Math.round(rows.find((row) => row.kind === kind)?.size ?? Number.NaN);
  if (rows.length !== 2)
    throw new Error(
      `The build left ${rows.length} valid indexes of vectors and words where it should leave two.`,
    );
  return {
    seconds,
    helpers: Number(given.max_parallel_maintenance_workers),
    memory: Number.parseInt(given.maintenance_work_mem ?? "", 10),
    vector: size("vector"),
    keyword: size("keyword"),
    precision: graph?.precision ?? "",
    efSearch: graph?.ef ?? Number.NaN,
  };
}

/** `no helper`, `1 helper`, `2 helpers`. */
export function helpersInWords(helpers: number): string {
  return `${helpers || "no"} ${helpers > 1 ? "helpers" : "helper"}`;
}

/** As if the collection had never had any. */
async function dropIndexes({ raw }: Cairn, tenantId: string): Promise<void> {
  const { rows } = await raw.query<{ name: string }>(
    "DELETE FROM cairn.collection_indexes WHERE tenant_id = $1 RETURNING name",
    [tenantId],
  );
  // A search knows a collection by what changed its row last.
  await raw.query("UPDATE cairn.collections SET updated_at = now() WHERE tenant_id = $1", [tenantId]);
  for (const { name } of rows) await raw.query(`DROP INDEX cairn.${name}`);
}
