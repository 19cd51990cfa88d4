import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { bundleFunction } from "@cairn/functions/aws/bundle.ts";
import { latency, round } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import type { Target } from "./support/target.ts";

const STARTS = 10;

/** Cold start: the size of each function's bundle, and the time to import it in a new process. */
export async function benchLambda(run: BenchRun): Promise<readonly Target[]> {
  const table = [];
  for (const name of ["api", "worker", "maintenance", "schema"]) {
    const { entry, eager, total, folder } = await bundleFunction(name);
    table.push({
      function: name,
      "loaded at start, kB": round(eager / 1000, 0),
      "total, kB": round(total / 1000, 0),
      "import, median ms": round(latency(coldImports(entry)).p50, 0),
    });
    await rm(folder, { recursive: true });
  }
  const api = table[0];
  const targets: readonly Target[] = [
    {
      what: "import of the API function, median ms",
      value: api?.["import, median ms"] ?? 0,
      target: 150,
      better: "lower",
      floor: 600, // depends on the machine; the bundle's size is the reliable figure
    },
    {
      what: "the API function's bundle, loaded at start, kB",
      value: api?.["loaded at start, kB"] ?? 0,
      target: 1_000,
      better: "lower",
      floor: 1_000,
    },
  ];
  await report({ bench: "lambda", title: "Cold start of the functions", table, targets }, run);
  return targets;
}

function coldImports(entry: string): readonly number[] {
  const script = `const start = performance.now(); await import(${JSON.stringify(entry)}); console.log(performance.now() - start);`;
  return Array.from({ length: STARTS }, () =>
    Number(
      execFileSync(process.execPath, ["--enable-source-maps", "--input-type=module", "-e", script], {
        encoding: "utf8",
      }),
    ),
  );
}
