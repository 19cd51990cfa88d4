import { existsSync } from "node:fs";
import { join } from "node:path";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrationMachine } from "@cairn/functions/aws/machine.ts";
import { runStep, type StepEvent } from "@cairn/functions/aws/step.ts";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { offlineServices } from "./support/services.ts";
import { type StepFunctions, startStepFunctions } from "./support/step-functions.ts";

const RECORDS = 400;

describe.runIf(serverUrl())("cairn cloud with a running state machine", () => {
  const cli = useCairnCli();
  let database: Database;
  let aws: StepFunctions;
  let env: Record<string, string>;
  let name: string;
  /** Pages of records that the source returns before it waits for `resume`. */
  let pages = Number.POSITIVE_INFINITY;
  let resume: PromiseWithResolvers<void>;
  beforeAll(async () => {
    const chroma = inject("chromaUrl");
    ({ name } = tenantName());
    await putRecords(await createChromaCollection(chroma, name), plainRecords(RECORDS, 8));
    expect((await cli.run(["db", "migrate"])).code).toBe(0);
    database = connectPg({ url: cli.databaseUrl as string });
    const source = await openSource({ url: chroma });
    const getRecords: Source["getRecords"] = async (...args) => {
      if (pages-- <= 0) await resume.promise;
      return source.getRecords(...args);
    };
    aws = await startStepFunctions(migrationMachine({ functionArn: "arn:steps", shards: 2 }), (payload) =>
      runStep(
        {
          services: offlineServices(database),
          source: { ...source, getRecords },
          databaseName: "test",
          cairnVersion: "test",
          signal: new AbortController().signal,
        },
        payload as StepEvent,
      ),
    );
    env = {
      AWS_ENDPOINT_URL_SFN: aws.url,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      CAIRN_MIGRATION_ARN: aws.machineArn,
    };
  });
  afterAll(async () => {
    await aws?.settled();
    await aws?.stop();
    await database?.close();
  });

  const cloud = (...args: string[]) => cli.run(["cloud", ...args], { env });
  const only = () => ["--only", name, "--page-size", "20", "--queries", "5"];

  test("before the first migration, status, cancel and report say so and name the next command", async () => {
    expect(await cloud("status")).toMatchObject({
      code: 0,
      out: expect.stringContaining("cairn cloud migrate"),
    });
    expect(await cloud("cancel")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Nothing is running"),
    });
    expect(await cloud("report")).toMatchObject({
      code: 1,
      err: expect.stringContaining("No migration has run"),
    });
  });

  test("a missing machine, an unknown machine and a missing database are refused with the flag to set", async () => {
    const without = await cli.run(["cloud", "status"], { env: { ...env, CAIRN_MIGRATION_ARN: "" } });
    expect(without).toMatchObject({
      code: 2,
      err: expect.stringContaining("--machine (CAIRN_MIGRATION_ARN)"),
    });
    const other = await cloud("status", "--machine", `${aws.machineArn}Other`);
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining("StateMachineDoesNotExist") });
    const embedded = await cli.run(["cloud", "status"], { env: { ...env, DATABASE_URL: "" } });
    expect(embedded).toMatchObject({ code: 2, err: expect.stringContaining("DATABASE_URL") });
    const patterns = ["--pattern", "a_{tenant}", "--pattern", "b_{tenant}"];
    expect(await cloud("migrate", ...patterns)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--map"),
    });
    expect(aws.inputs).toEqual([]);
  });

  test("a migration is started, watched, refused a second time, cancelled, and continues to its report", async () => {
    pages = 3;
    resume = Promise.withResolvers();
    const started = await cloud("migrate", "--no-watch", ...only());
    expect(started).toMatchObject({ code: 0, out: expect.stringContaining("arn:aws:states:") });
    expect(aws.inputs[0]).toMatchObject({ request: { only: [name], page_size: 20, queries: 5 } });
    const readStatus = async () => JSON.parse((await cloud("status", "--json")).out);
    let running = await readStatus();
    while (!running.run?.collections.some(({ done }: { done: number }) => done > 0)) running = await readStatus();
    expect(running).toMatchObject({ status: "RUNNING", run: { status: "running" } });
    expect(running.run.collections).toMatchObject([{ collection: name, phase: "copy", total: RECORDS }]);
    expect((await cloud("status")).out).toMatch(new RegExp(`${name}  \\d+ of ${RECORDS}, copying`));
    expect((await cloud("migrate", ...only())).code).toBe(5); // only one may run
    // The refused execution is the newest, but not the running one.
    expect(await cloud("cancel")).toMatchObject({ code: 0, out: expect.stringContaining("Cancelled") });
    const { run } = await readStatus();
    expect(run).toMatchObject({ id: running.run.id, status: "cancelled", finishedAt: null });
    resume.resolve();
    await aws.settled(); // the step stops at the next page, after its execution has ended
    const done = await cloud("migrate", ...only(), "--report", "proof.html");
    expect(done.code, done.err).toBe(0);
    expect(done.out).toContain("proof.html");
    expect(done.err).toContain(`${RECORDS} records, done`);
    expect(existsSync(join(cli.folder, "proof.html"))).toBe(true);
    expect(await cloud("status", "--watch")).toMatchObject({ code: 0 });
    expect(await cloud("report", "--report", "again.json")).toMatchObject({ code: 0 });
    const proof = await cli.json("cloud", "report");
    expect(proof).toMatchObject({ runId: run.id, verdict: "identical", totals: { compared: RECORDS } });
  });
});
