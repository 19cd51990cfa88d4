import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startEmbeddingApi } from "../test/support/embedding-api.ts";
import { peakMemory } from "./memory/migration.ts";
import { fillChroma } from "./support/fill-chroma.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

const WORST_INGEST = fileURLToPath(new URL("./memory/worst-ingest.ts", import.meta.url));

/** Passages of the worst-case ingest. Their vectors are 640 MB. */
const WORST_PASSAGES = 10_000;

/** Peak memory of a migration, and of the worst-case ingest within the limits. */
export async function benchMemory(run: BenchRun): Promise<readonly Target[]> {
  return [...(await benchMigration(run)), ...(await benchWorstIngest(run))];
}

/** Peak memory of a process that ingests small passages of 16,000 dimensions: 500 documents, and one document. */
async function benchWorstIngest({ machine }: BenchRun): Promise<readonly Target[]> {
  const rows = [];
  for (const form of ["many", "long"]) {
    const servers = await startServers();
    const api = await startEmbeddingApi({ dimensions: 16_000 });
    try {
      const args = [WORST_INGEST, servers.databaseUrl, api.url, form, String(WORST_PASSAGES)];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const { megabytes, passages } = JSON.parse(stdout);
      rows.push({ documents: form === "long" ? 1 : 500, passages, "peak memory, MB": megabytes as number });
    } finally {
      await api.stop();
      await servers.stop();
    }
  }
  const targets: readonly Target[] = [
    {
      what: "peak memory of a process that ingests at 16,000 dimensions, MB",
      value: Math.max(...rows.map((row) => row["peak memory, MB"])),
      target: 512,
      better: "lower",
    },
  ];
  await report(
    { bench: "memory-ingest", title: "Peak memory of the worst-case ingest", table: rows, targets },
    { size: WORST_PASSAGES, machine },
  );
  return targets;
}

/** Peak memory of `cairn migrate` for 10,000 and for `size` documents. It should not grow with their number. */
async function benchMigration({ size, machine }: BenchRun): Promise<readonly Target[]> {
  const rows = [];
  for (const count of [10_000, size]) {
    const servers = await startServers();
    try {
      await fillChroma(servers.chroma.url, "00112233445566778899aabbccddeeff", count, 1536);
      const megabytes = await peakMemory(
        [
          "migrate",
          "--chroma",
          servers.chroma.url,
          "--queries",
          "0",
          "--json",
          "--report",
          "bench/results/memory.json",
        ],
        servers.databaseUrl,
      );
      rows.push({ documents: count, "peak memory, MB": megabytes });
    } finally {
      await servers.stop();
    }
  }
  const targets: readonly Target[] = [
    {
      what: "peak memory of a migration, MB",
      value: rows.at(-1)?.["peak memory, MB"] ?? 0,
      target: 300,
      better: "lower",
    },
  ];
  await report({ bench: "memory", title: "Peak memory of a migration", table: rows, targets }, { size, machine });
  return targets;
}
