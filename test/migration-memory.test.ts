import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { growDocuments, peakMemory } from "../bench/memory/migration.ts";
import { createEmptyDatabase, serverUrl } from "./support/database.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase, createTenantCollection } from "./support/migration.ts";
import { always, isFetch, startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");

/** Migrates and compares collections of large documents, `sizes` in MB, and returns the peak memory. */
async function migrateLarge(collections: number, sizes: readonly number[], flags: readonly string[] = []) {
  const scope = await createChromaDatabase(chroma);
  for (let created = 0; created < collections; created++) {
    const records = plainRecords(sizes.length, 4).map((record, index) => ({
      ...record,
      document: `grow ${sizes[index]}`,
    }));
    await putRecords(await createTenantCollection(chroma, scope), records);
  }
  const own = await createEmptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), "cairn-memory-"));
  const proxy = await startHttpProxy(chroma, {
    rules: [always({ kind: "stream", split: growDocuments }, isFetch)],
  });
  onTestFinished(async () => {
    await proxy.stop();
    await own.drop();
    await rm(folder, { recursive: true });
  });
  const all = ["migrate", "--chroma", proxy.url, "--chroma-database", scope, "--queries", "5", "--json"];
  return peakMemory([...all, "--report", join(folder, "report.json"), ...flags], own.url ?? "", {
    CAIRN_EMBEDDING_MODEL: "offline/words",
  });
}

describe.runIf(serverUrl())("peak memory of a migration of large documents", () => {
  test.each([
    ["two collections of 40 documents of 1 to 5 MB", 2, Array.from({ length: 40 }, (_, n) => 1 + (n % 5)), []],
    ["documents of the maximum size", 2, [23, 23], []],
    ["twelve collections at once", 12, [1, 2, 3, 4, 5], ["--concurrency", "12"]],
  ] as const)("%s take less than 512 MB", { timeout: 300_000 }, async (_name, collections, sizes, flags) => {
    expect(await migrateLarge(collections, sizes, flags)).toBeLessThan(512);
  });
});
