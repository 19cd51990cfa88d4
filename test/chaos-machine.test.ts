import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { migrationMachine } from "@cairn/functions/machine.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBothSides } from "./chaos/compare.ts";
import { createTestDatabase, serverUrl, type TestDatabase } from "./support/database.ts";
import {
  type ChromaCollectionHandle,
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "./support/fill-chroma.ts";
import { ownerRows } from "./support/migration.ts";
import { type Invoke, runMachine, StateError } from "./support/state-machine.ts";

const STEP = fileURLToPath(new URL("./chaos/step.ts", import.meta.url));
const KILLS = 12;
const RECORDS = 300;

describe.runIf(serverUrl())("the migration's machine, its steps killed (-9) at random moments", () => {
  let chroma: ChromaServer;
  let own: TestDatabase;
  const collections: (ChromaCollectionHandle & { readonly tenant: string })[] = [];
  beforeAll(async () => {
    chroma = await startChroma({ command: process.env.CAIRN_TEST_CHROMA });
    own = await createTestDatabase();
    for (let made = 0; made < 3; made++) {
      const { name, tenant } = tenantName();
      const collection = await createChromaCollection(chroma.url, name);
      await putRecords(collection, plainRecords(RECORDS, 8));
      collections.push({ ...collection, tenant });
    }
  });
  afterAll(async () => {
    await Promise.all([chroma?.stop(), own?.drop()]);
  });

  let kills = 0;
  const killed = new Map<string, number>();
  const invoke: Invoke = async (payload) => {
    const child = spawn(process.execPath, ["--import", "@cairn/core/database/drizzle-hook.mjs", STEP], {
      env: { ...process.env, DATABASE_URL: own.url, CHROMA_URL: chroma.url, STEP_TIME: "5000" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.on("error", () => {}); // killed before it has read
    child.stdin.end(JSON.stringify(payload));
    if (kills < KILLS)
      child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), 700 * Math.random()));
    const [said, [, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    const { step } = payload as { readonly step: string };
    if (signal) {
      kills++;
      killed.set(step, (killed.get(step) ?? 0) + 1);
      throw new StateError("Lambda.Unknown", `The function's process was killed (${signal}).`);
    }
    const { answer, error } = JSON.parse(said.slice(said.indexOf("\n")));
    if (error) throw new StateError(error.name, error.message);
    return answer;
  };

  test(`after ${KILLS} kills nothing is lost, nothing doubled, nothing altered`, {
    timeout: 600_000,
  }, async () => {
    const machine = migrationMachine({ functionArn: "arn:steps", shards: 2 });
    const input = { request: { page_size: 5, queries: 5 } };
    let ended = await runMachine(machine, input, invoke);
    while (kills < KILLS || ended.status === "FAILED") {
      if (ended.status === "FAILED")
        await ownerRows(
          own.database,
          sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 second' RETURNING id`,
        );
      ended = await runMachine(machine, input, invoke);
    }
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(killed.get("copy") ?? 0).toBeGreaterThan(0);
    for (const collection of collections) {
      const { chroma: source, cairn } = await readBothSides(collection, own.database, collection.tenant);
      expect(source).toHaveLength(RECORDS);
      expect(cairn).toEqual(source);
    }
  });
});
