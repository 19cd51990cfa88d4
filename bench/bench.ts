import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchChromaApi } from "./chroma-api.ts";
import { benchGateway } from "./gateway.ts";
import { benchHttp } from "./http.ts";
import { benchIndexes } from "./indexes.ts";
import { benchIngest } from "./ingest.ts";
import { benchLambda } from "./lambda.ts";
import { benchLarge } from "./large.ts";
import { benchMemory } from "./memory.ts";
import { benchMigrate } from "./migrate.ts";
import { benchNeighbours } from "./neighbours.ts";
import { benchPromise } from "./promise.ts";
import { benchQuality } from "./quality.ts";
import { benchReal } from "./real.ts";
import { benchScale } from "./scale.ts";
import { benchSearch } from "./search.ts";
import { describeMachine } from "./support/machine.ts";
import type { BenchRun } from "./support/run.ts";
import { belowFloor, floorOf, type Target } from "./support/target.ts";
import { describeServers } from "./support/versions.ts";
import { benchTenants } from "./tenants.ts";
import { benchWriters } from "./writers.ts";

type Bench = (run: BenchRun) => Promise<readonly Target[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  tenants: benchTenants,
  search: benchSearch,
  http: benchHttp,
  "chroma-api": benchChromaApi,
  gateway: benchGateway,
  neighbours: benchNeighbours,
  lambda: benchLambda,
  ingest: benchIngest,
  index: benchIndexes,
  migrate: withCliFlags(benchMigrate),
  memory: benchMemory,
  promise: benchPromise,
  quality: benchQuality,
  real: benchReal,
  scale: benchScale,
  large: benchLarge,
  writers: benchWriters,
};

/** The benchmark in a process with the Node flags of the `cairn` command, because a migration runs with them. */
function withCliFlags(bench: Bench): Bench {
  const shebang = readFileSync(new URL("../packages/cli/bin/cairn.mjs", import.meta.url), "utf8").split("\n", 1)[0];
  const flags = shebang?.match(/--\S+/g) ?? [];
  return async (run) => {
    if (flags.every((flag) => process.execArgv.includes(flag))) return bench(run);
    const args = [...flags, ...process.execArgv, import.meta.filename, "migrate", "--size", String(run.size)];
    execFileSync(process.execPath, args, { stdio: "inherit" });
    return [];
  };
}

/** Benchmarks of a quick run. Each takes about a minute. */
const QUICK = ["tenants", "search", "http", "chroma-api", "lambda", "ingest", "index", "promise"];

const USAGE = `usage: npm run bench -- [${Object.keys(BENCHES).join("|")} …] [--size 10k] [--quick]

Measures Cairn next to a real Chroma server on the PostgreSQL server in BENCH_DATABASE_URL, prints ratios and writes
bench/results/index.html. --size: total rows, such as 10k, 100k, 1m. --quick: the short form, which fails if recall is
below 0.99 or a ratio is half as good as usual. CAIRN_TEST_CHROMA: the command of the Chroma server. The default is the
bundled server, which is an old version.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const size = Number((values.size ?? (values.quick ? "4k" : "10k")).replace(/k$/, "000").replace(/m$/, "000000"));
const unknown = positionals.find((name) => !(name in BENCHES));
if (values.help || unknown !== undefined || !Number.isInteger(size)) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const names = positionals.length > 0 ? positionals : values.quick ? QUICK : Object.keys(BENCHES);
const servers = names.some((name) => name !== "lambda" && name !== "quality") ? [await describeServers()] : [];
const machine = [describeMachine(), ...servers].join(", ");
console.log(machine);
const targets: Target[] = [];
for (const name of names) targets.push(...((await BENCHES[name]?.({ size, quick: values.quick, machine })) ?? []));
const regressions = belowFloor(targets);
if (values.quick && regressions.length > 0) {
  for (const target of regressions)
    console.error(`Regression: ${target.what} is ${target.value}, the floor is ${floorOf(target)}`);
  process.exitCode = 1;
}
