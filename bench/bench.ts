import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchHttp } from "./http.ts";
import { benchIndexes } from "./indexes.ts";
import { benchIngest } from "./ingest.ts";
import { benchLambda } from "./lambda.ts";
import { benchLarge } from "./large.ts";
import { benchMemory } from "./memory.ts";
import { benchMigrate } from "./migrate.ts";
import { benchNeighbours } from "./neighbours.ts";
import { benchScale } from "./scale.ts";
import { benchSearch } from "./search.ts";
import { describeMachine } from "./support/machine.ts";
import { belowFloor, floorOf, type Target } from "./support/results.ts";
import { describeServers } from "./support/versions.ts";
import { benchTenants } from "./tenants.ts";
import { benchWriters } from "./writers.ts";

export interface BenchRun {
  /** Rows in all. */
  readonly size: number;
  /** A short form, for noticing what has become worse. */
  readonly quick: boolean;
  /** The machine and the servers that the figures are of. */
  readonly machine: string;
}

type Bench = (run: BenchRun) => Promise<readonly Target[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  tenants: benchTenants,
  search: benchSearch,
  http: benchHttp,
  neighbours: benchNeighbours,
  lambda: benchLambda,
  ingest: benchIngest,
  index: benchIndexes,
  migrate: asCommand(benchMigrate),
  memory: benchMemory,
  scale: benchScale,
  large: benchLarge,
  writers: benchWriters,
};

/** In a process with the flags of `cairn` itself, as a migration has; nothing else runs with them. */
function asCommand(bench: Bench): Bench {
  const shebang = readFileSync(new URL("../packages/cli/bin/cairn.mjs", import.meta.url), "utf8").split(
    "\n",
    1,
  )[0];
  const flags = shebang?.match(/--\S+/g) ?? [];
  return async (run) => {
    if (flags.every((flag) => process.execArgv.includes(flag))) return bench(run);
    const again = [
      ...flags,
      ...process.execArgv,
      import.meta.filename,
      "migrate",
      "--size",
      String(run.size),
    ];
    execFileSync(process.execPath, again, { stdio: "inherit" });
    return [];
  };
}

/** What a quick run does: each within a minute or so. */
const QUICK = ["tenants", "search", "http", "lambda", "ingest", "index"];

const USAGE = `usage: npm run bench -- [${Object.keys(BENCHES).join("|")} …] [--size 10k] [--quick]

Measures Cairn beside a real Chroma server on the PostgreSQL server that BENCH_DATABASE_URL names, prints ratios and
writes bench/results/index.html. --size: rows in all, as in 10k, 100k, 1m. --quick: the short form, which fails where
recall is under 0.99 or a ratio has fallen by half. CAIRN_TEST_CHROMA names the Chroma server's command: the bundled
one, which is taken without it, is old.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const size = Number(
  (values.size ?? (values.quick ? "4k" : "10k")).replace(/k$/, "000").replace(/m$/, "000000"),
);
const unknown = positionals.find((name) => !(name in BENCHES));
if (values.help || unknown !== undefined || !Number.isInteger(size)) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const names = positionals.length > 0 ? positionals : values.quick ? QUICK : Object.keys(BENCHES);
const servers = names.some((name) => name !== "lambda") ? [await describeServers()] : [];
const machine = [describeMachine(), ...servers].join(", ");
console.log(machine);
const targets: Target[] = [];
for (const name of names)
  targets.push(...((await BENCHES[name]?.({ size, quick: values.quick, machine })) ?? []));
const low = belowFloor(targets);
if (values.quick && low.length > 0) {
  for (const target of low)
    console.error(`Worse than it may be: ${target.what}: ${target.value}, floor ${floorOf(target)}`);
  process.exitCode = 1;
}
