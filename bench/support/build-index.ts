import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { Cairn } from "./cairn.ts";

export interface IndexBuild {
  readonly seconds: number;
  /** Parallel workers. */
  readonly workers: number;
  /** `maintenance_work_mem`, in megabytes. */
  readonly memory: number;
  /** Size of the vector index, in megabytes. */
  readonly vector: number;
  /** Size of the keyword index, in megabytes. */
  readonly keyword: number;
  /** Precision that the build chose. */
  readonly precision: string;
  /** `ef_search` that calibration chose. */
  readonly efSearch: number;
}

/** Builds the indexes of the tenant's collection again. Returns the settings and sizes of the build. */
export async function buildIndex(cairn: Cairn, tenantId: string, options: BuildOptions = {}): Promise<IndexBuild> {
  await dropIndexes(cairn, tenantId);
  let buildSettings: Readonly<Record<string, string>> = {};
  const database: Cairn["database"] = {
    ...cairn.database,
    maintain(statements, settings = {}, signal) {
      buildSettings = { ...buildSettings, ...settings };
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
  const vectorIndex = rows.find(({ kind }) => kind === "vector");
  const size = (kind: string) => Math.round(rows.find((row) => row.kind === kind)?.size ?? Number.NaN);
  if (rows.length !== 2)
    throw new Error(`The build left ${rows.length} valid indexes. Expected one vector and one keyword index.`);
  return {
    seconds,
    workers: Number(buildSettings.max_parallel_maintenance_workers),
    memory: Number.parseInt(buildSettings.maintenance_work_mem ?? "", 10),
    vector: size("vector"),
    keyword: size("keyword"),
    precision: vectorIndex?.precision ?? "",
    efSearch: vectorIndex?.ef ?? Number.NaN,
  };
}

/** Seconds that CREATE INDEX takes for the vector index alone, with the resources of a build. */
export async function timeCreateIndex(
  { raw }: Cairn,
  tenantId: string,
  { memory, workers }: Pick<IndexBuild, "memory" | "workers">,
): Promise<number> {
  const { rows } = await raw.query<{ name: string; definition: string }>(
    `SELECT name, pg_get_indexdef(('cairn.' || name)::regclass) AS definition FROM cairn.collection_indexes
     WHERE tenant_id = $1 AND state = 'valid' AND kind = 'vector'`,
    [tenantId],
  );
  const { name, definition } = rows[0] as { readonly name: string; readonly definition: string };
  await raw.query(`SET maintenance_work_mem = '${memory}MB'; SET max_parallel_maintenance_workers = ${workers}`);
  const started = performance.now();
  await raw.query(definition.replace(name, "reference"));
  const seconds = (performance.now() - started) / 1000;
  await raw.query("RESET maintenance_work_mem; RESET max_parallel_maintenance_workers; DROP INDEX cairn.reference");
  return seconds;
}

/** `no parallel worker`, `1 parallel worker`, `2 parallel workers`. */
export function formatWorkers(workers: number): string {
  return `${workers || "no"} parallel ${workers > 1 ? "workers" : "worker"}`;
}

/** Drops all indexes of the tenant's collection. */
async function dropIndexes({ raw }: Cairn, tenantId: string): Promise<void> {
  const { rows } = await raw.query<{ name: string }>(
    "DELETE FROM cairn.collection_indexes WHERE tenant_id = $1 RETURNING name",
    [tenantId],
  );
  // A new updated_at invalidates the cached search plans.
  await raw.query("UPDATE cairn.collections SET updated_at = now() WHERE tenant_id = $1", [tenantId]);
  for (const { name } of rows) await raw.query(`DROP INDEX cairn.${name}`);
}
