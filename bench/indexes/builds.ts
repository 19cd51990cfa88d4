import { changeCollection } from "@cairn/core/collection/change.ts";
import type { IndexSettings } from "@cairn/core/database/collection-settings.ts";
import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import { buildIndex, formatWorkers, type IndexBuild, timeCreateIndex } from "../support/build-index.ts";
import { exactNeighbors, load, makeTenant, searcher, settle } from "../support/cairn.ts";
import { measure, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Section } from "../support/section.ts";
import type { Target } from "../support/target.ts";
import type { IndexContext } from "./context.ts";

const DEFAULTS = "defaults";

/** One collection's index, built with the defaults and with other settings. */
export async function benchBuilds({ cairn, data, ...run }: IndexContext): Promise<readonly Target[]> {
  const { documents } = data;
  const queries = data.queries.slice(0, run.quick ? 50 : 200);
  const tenantId = await makeTenant(cairn, "indexed");
  await load(cairn, tenantId, documents);
  await settle(cairn);
  const truth = await exactNeighbors(cairn, tenantId, queries);
  const table: Section["table"][number][] = [];
  const build = async (index: string, indexSettings: IndexSettings = {}, options: BuildOptions = {}) => {
    await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings });
    const built = await buildIndex(cairn, tenantId, options);
    const { p50, p95, results } = await measure(queries, searcher(cairn, tenantId));
    table.push({
      settings: index,
      "build resources": `${formatWorkers(built.workers)}, ${built.memory} MB`,
      "build, s": round(built.seconds, 1),
      "rows/s": round(documents.length / built.seconds, 0),
      "vector index, MB": built.vector,
      "keyword index, MB": built.keyword,
      precision: built.precision,
      ef_search: built.efSearch,
      "recall@10": round(recall(results, truth), 4),
      "p50, ms": round(p50),
      "p95, ms": round(p95),
    });
    return { built, recallAt10: recall(results, truth) };
  };
  const { built, recallAt10 } = await build(DEFAULTS);
  const reference = await timeCreateIndex(cairn, tenantId, built);
  if (!run.quick) {
    for (const workers of [0, 1, 2].filter((count) => count !== built.workers))
      await build(`${DEFAULTS}, ${formatWorkers(workers)}`, {}, { workers });
    for (const precision of ["halfvec", "vector"] as const)
      await build(`${DEFAULTS}, precision ${precision}`, { precision });
  }
  const targets = targetsOf(built, { rows: documents.length, recallAt10, reference });
  await report({ bench: "index", title: "Index build", table, targets }, run);
  return targets;
}

function targetsOf(
  { seconds, workers, memory, vector }: IndexBuild,
  { rows, recallAt10, reference }: { readonly rows: number; readonly recallAt10: number; readonly reference: number },
): readonly Target[] {
  const factor = 100_000 / rows;
  const suffix = factor === 1 ? "" : ", scaled to 100,000 rows";
  return [
    {
      what: `index build with the defaults (${formatWorkers(workers)}), including words, s${suffix}`,
      value: round(seconds * factor, 1),
      target: 60,
      better: "lower",
    },
    {
      what: "the same to CREATE INDEX of the vector index alone",
      value: round(seconds / reference),
      target: 10,
      better: "lower",
      usual: 8, // of 4,000 rows, where calibration takes most of the time; 1.4 of 100,000
    },
    { what: "vector index, MB", value: vector, target: 2_000, better: "lower" },
    { what: "memory of the build (maintenance_work_mem), MB", value: memory, target: 2_000, better: "lower" },
    {
      what: "recall@10 of an index built with the defaults",
      value: round(recallAt10, 4),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
  ];
}
