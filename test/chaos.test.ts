import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { connect } from "@cairn/core/database/connect.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readBothSides } from "./chaos/compare.ts";
import { killMigration } from "./chaos/kill-migration.ts";
import { createEmptyDatabase, serverUrl, type TestDatabase } from "./support/database.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";

/** Each run opens the database. With the embedded database this takes seconds. */
const KILLS = serverUrl() ? 100 : 40;

let chroma: ChromaServer;
let empty: TestDatabase | undefined;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "cairn-chaos-"));
  chroma = await startChroma({ command: process.env.CAIRN_TEST_CHROMA });
  if (serverUrl()) empty = await createEmptyDatabase();
});
afterAll(async () => {
  await Promise.all([chroma?.stop(), empty?.drop()]);
  await rm(directory, { recursive: true, force: true });
});

test(`a migration that is killed ${KILLS} times loses, duplicates and changes nothing`, {
  timeout: 1_800_000,
}, async () => {
  const { name, tenant } = tenantName();
  const collection = await createChromaCollection(chroma.url, name);
  await putRecords(collection, plainRecords(12_000, 8));

  const result = await killMigration({
    chromaUrl: chroma.url,
    databaseUrl: empty?.url,
    directory,
    kills: KILLS,
    pageSize: 20,
  });
  expect(result).toMatchObject({ kills: KILLS, exitCode: 0 });
  expect(result.copying + result.comparing).toBeGreaterThan(KILLS / 3);

  const database = await connect({ url: empty?.url, directory: join(directory, "cairn") });
  const { chroma: source, cairn } = await readBothSides(collection, database, tenant).finally(() => database.close());
  expect(source.length).toBe(12_000);
  expect(cairn).toEqual(source);
});
