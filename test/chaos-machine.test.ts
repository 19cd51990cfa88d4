import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { migrationMachine } from "@cairn/functions/aws/machine.ts";
import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { readBothSides } from "./chaos/compare.ts";
import { serverUrl } from "./support/database.ts";
import {
  type ChromaCollectionHandle,
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "./support/fill-chroma.ts";
import { useServer, useTestDatabase } from "./support/fixture.ts";
import { ownerRows } from "./support/migration.ts";
import { type Invoke, runMachine, StateError } from "./support/state-machine.ts";

const STEP = fileURLToPath(new URL("./chaos/step.ts", import.meta.url));
const KILLS = 12;
const RECORDS = 300;

describe.runIf(serverUrl())("the migration's state machine with steps killed (SIGKILL) at random moments", () => {
  const chroma = useServer(() => startChroma({ command: process.env.CAIRN_TEST_CHROMA }));
  const testDatabase = useTestDatabase();
  const collections: (ChromaCollectionHandle & { readonly tenant: string })[] = [];
  beforeAll(async () => {
    for (let index = 0; index < 3; index++) {
      const { name, tenant } = tenantName();
      const collection = await createChromaCollection(chroma.url, name);
      await putRecords(collection, plainRecords(RECORDS, 8));
      collections.push({ ...collection, tenant });
    }
  });

  let kills = 0;
  const killed = new Map<string, number>();
  const invoke: Invoke = async (payload) => {
    const child = spawn(process.execPath, ["--import", "@cairn/core/database/drizzle-hook.mjs", STEP], {
      env: { ...process.env, DATABASE_URL: testDatabase.url, CHROMA_URL: chroma.url, STEP_TIME: "5000" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.on("error", () => {}); // the process may be killed before it reads
    child.stdin.end(JSON.stringify(payload));
    if (kills < KILLS) child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), 700 * Math.random()));
    const [output, [, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    const { step } = payload as { readonly step: string };
    if (signal) {
      kills++;
      killed.set(step, (killed.get(step) ?? 0) + 1);
      throw new StateError("Lambda.Unknown", `The function's process was killed (${signal}).`);
    }
    const { result, error } = JSON.parse(output.slice(output.indexOf("\n")));
    if (error) throw new StateError(error.name, error.message);
    return result;
  };

  test(`after ${KILLS} kills nothing is lost, duplicated or changed`, {
    timeout: 600_000,
  }, async () => {
    const machine = migrationMachine({ functionArn: "arn:steps", shards: 2 });
    const input = { request: { page_size: 5, queries: 5 } };
    let execution = await runMachine(machine, input, invoke);
    while (kills < KILLS || execution.status === "FAILED") {
      if (execution.status === "FAILED")
        await ownerRows(
          testDatabase.database,
          sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 second' RETURNING id`,
        );
      execution = await runMachine(machine, input, invoke);
    }
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(killed.get("copy") ?? 0).toBeGreaterThan(0);
    for (const collection of collections) {
      const { chroma: source, cairn } = await readBothSides(collection, testDatabase.database, collection.tenant);
      expect(source).toHaveLength(RECORDS);
      expect(cairn).toEqual(source);
    }
  });
});
