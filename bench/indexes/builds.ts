import { changeCollection } from "@cairn/core/collection/change.ts";
import type { IndexSettings } from "@cairn/core/collection/index-settings.ts";
import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import type { IndexSetting } from "../indexes.ts";
import { buildIndex, helpersInWords, type IndexBuild } from "../support/build-index.ts";
import { exactAnswers, load, makeTenant, searcher, settle } from "../support/cairn.ts";
import { measure, recall, round } from "../support/measure.ts";
import { report, type Section, type Target } from "../support/results.ts";

const DEFAULTS = "defaults";

/** One collection's index, built as it comes, and in other ways beside it. */
export async function builds({ cairn, data, ...run }: IndexSetting): Promise<readonly Target[]> {
  const { documents } = data;
  const queries = data.queries.slice(0, run.quick ? 50 : 200);
  const tenantId = await makeTenant(cairn, "indexed");
  await load(cairn, tenantId, documents);
  await settle(cairn);
  const truth = await exactAnswers(cairn, tenantId, queries);
  const table: Section["table"][number][] = [];
  const build = async (index: string, indexSettings: IndexSettings = {}, options: BuildOptions = {}) => {
    await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings });
    const built = await buildIndex(cairn, tenantId, options);
    const { p50, p95, answers } = await measure(queries, searcher(cairn, tenantId));
    table.push({
      index,
      "built by": `${helpersInWords(built.helpers)}, ${built.memory} MB`,
      "built in, s": round(built.seconds, 1),
      "rows/s": round(documents.length / built.seconds, 0),
      "vector index, MB": built.vector,
      "keyword index, MB": built.keyword,
      precision: built.precision,
      ef_search: built.efSearch,
      "recall@10": round(recall(answers, truth), 4),
      "p50, ms": round(p50),
      "p95, ms": round(p95),
    });
    return { built, found: recall(answers, truth) };
  };
  const { built, found } = await build(DEFAULTS);
  if (!run.quick) {
    for (const workers of [0, 1, 2].filter((helpers) => helpers !== built.helpers))
      await build(`${helpersInWords(workers)}, else ${DEFAULTS}`, {}, { workers });
    for (const precision of ["halfvec", "vector"] as const)
      await build(`${precision}, else ${DEFAULTS}`, { precision });
  }
  const targets = judge(built, { rows: documents.length, found });
  await report({ bench: "index", title: "What an index costs", table, targets }, run);
  return targets;
}

function judge(
  { seconds, helpers, memory, vector }: IndexBuild,
  { rows, found }: { readonly rows: number; readonly found: number },
): readonly Target[] {
  const share = 100_000 / rows;
  const scaled = share === 1 ? "" : ", scaled to 100,000 rows";
  return [
    {
      what: `index build by defaults (${helpersInWords(helpers)}), words included, s${scaled}`,
      value: round(seconds * share, 1),
      target: 60,
      better: "lower",
      floor: 200,
    },
    { what: "vector index, MB", value: vector, target: 2_000, better: "lower" },
    { what: "memory that its build asks for, MB", value: memory, target: 2_000, better: "lower" },
    {
      what: "recall@10 of an index built by defaults",
      value: round(found, 4),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
  ];
}
