import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runMutations } from "./mutate.ts";
import { type RoundResult, runRound } from "./round.ts";

const USAGE =
  "usage: npm run chaos -- cutover [--rounds 20] [--seed 1] [--seconds 25], or npm run chaos -- cutover --mutations. DATABASE_URL: a PostgreSQL server on which databases are created";

/** `npm run chaos -- cutover --rounds 100`: rounds of writes, reads, changes of phase and faults, each checked at its end. */
export async function runCutover(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string" },
      seconds: { type: "string", default: "25" },
      mutations: { type: "boolean", default: false },
    },
  });
  if (values.mutations) return runMutations();
  const rounds = Number(values.rounds);
  const first = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const durationMs = 1_000 * Number(values.seconds);
  const serverUrl = process.env.DATABASE_URL || process.env.TEST_DATABASE_URL;
  if (!serverUrl || !(rounds > 0) || !Number.isInteger(first) || !(durationMs > 0)) {
    console.error(USAGE);
    return 2;
  }
  const results: RoundResult[] = [];
  for (let seed = first; seed < first + rounds; seed++) {
    const result = await runRound({ serverUrl, chromaCommand: process.env.CAIRN_TEST_CHROMA, seed, durationMs });
    results.push(result);
    console.log(describe(result));
    if (result.violations.length === 0) continue;
    const file = `cutover-${seed}.log`;
    await writeFile(file, `${result.violations.join("\n")}\n\n${result.trace}\n`);
    console.log(
      `  ${result.violations.slice(0, 5).join("\n  ")}\n  Trace: ${file}. Repeat: npm run chaos -- cutover --rounds 1 --seed ${seed}`,
    );
  }
  console.log(summarize(results));
  return results.every(({ violations }) => violations.length === 0) ? 0 : 1;
}

function describe({ seed, counts, violations, longestBarrierMs }: RoundResult): string {
  const { writes = 0, reads = 0 } = counts;
  const outcome = violations.length === 0 ? "clean" : `${violations.length} VIOLATIONS`;
  return `seed ${seed}: ${outcome}. ${writes} writes, ${reads} reads, longest barrier ${longestBarrierMs} ms.`;
}

/** The counts of all rounds, one a line. */
function summarize(results: readonly RoundResult[]): string {
  const total: Record<string, number> = {};
  for (const { counts } of results)
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  const failed = results.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  const lines = Object.entries(total)
    .toSorted()
    .map(([name, count]) => `  ${name}: ${count}`);
  const barrier = Math.max(0, ...results.map(({ longestBarrierMs }) => longestBarrierMs));
  return [
    `${results.length} rounds, ${results.length - failed.length} clean${failed.length > 0 ? `; failed seeds: ${failed.join(", ")}` : ""}.`,
    ...lines,
    `  longest barrier: ${barrier} ms`,
  ].join("\n");
}
