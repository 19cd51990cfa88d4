import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { parse } from "node:path";
import { bundling } from "@cairn/functions/bundling.ts";
import { readSettings } from "@cairn/functions/settings.ts";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { CANARY, evaluateInfra, functionsOf, PLATFORM } from "./support/infra.ts";

// What sst deploy would make of each function. `npm run check:infra` puts SST's platform down, which this needs.

const infra = test.runIf(existsSync(`${PLATFORM}/src/auto/run.ts`));

/** The variables that a function reads its settings from. */
function settingNames(): readonly string[] {
  const names: string[] = [];
  const environment = new Proxy<Record<string, string>>(
    {},
    { get: (_, name) => void names.push(String(name)) },
  );
  readSettings((name) => (name === "DatabaseUrl" ? "postgres://localhost/cairn" : undefined), environment);
  return names;
}

const given = Object.fromEntries(
  settingNames()
    .filter((name) => !name.endsWith("_QUEUE_URL"))
    .map((name) => [name, `${name} as given`]),
);

type Made = ReturnType<typeof functionsOf>[number];

/** Of every function, by its file. */
async function table<T>(read: (made: Made) => T, stage = "test", environment: object = given) {
  const made = functionsOf(await evaluateInfra(stage, { environment: { ...environment } }));
  return Object.fromEntries(made.map((one) => [one.name, read(one)]));
}

infra("every function has its runtime, memory, time and concurrency said aloud", async () => {
  const said = await table(({ inputs }) => [
    inputs.timeout,
    inputs.memorySize,
    inputs.reservedConcurrentExecutions,
    inputs.runtime,
    ...inputs.architectures,
    inputs.packageType,
  ]);
  const how = ["nodejs24.x", "arm64", "Zip"];
  expect(said).toEqual({
    api: [29, 1024, 50, ...how],
    stream: [180, 1024, 20, ...how],
    worker: [900, 2048, 5, ...how],
    maintenance: [900, 512, 1, ...how],
    migration: [900, 2048, 5, ...how],
    schema: [300, 1024, undefined, ...how],
  });
});

infra("an account that has no concurrency to reserve is deployed to without", async () => {
  const reserved = await table(({ inputs }) => inputs.reservedConcurrentExecutions, "small", {
    CAIRN_RESERVE_CONCURRENCY: "no",
  });
  expect(Object.keys(reserved)).toHaveLength(6);
  expect(Object.values(reserved)).toEqual(Array(6).fill(undefined));
});

infra(
  "what is no secret reaches every function that reads it; a queue's address, who sends to it",
  async () => {
    const environments = await table(({ inputs }) => inputs.environment.variables);
    expect(Object.keys(given).length).toBeGreaterThan(5);
    for (const [name, variables] of Object.entries(environments))
      expect(variables, name).toMatchObject(given);
    const queues = (which: string) => Object.keys(environments).filter((name) => environments[name]?.[which]);
    expect(queues("CAIRN_JOBS_QUEUE_URL").sort()).toEqual(["api", "maintenance", "stream", "worker"]);
    expect(queues("CAIRN_DEAD_JOBS_QUEUE_URL")).toEqual(["worker"]);
  },
);

infra("secrets are linked to who needs them, and are in no environment", async () => {
  const served = ["ChatApiKey", "ChromaUrl", "DatabaseUrl", "OpenAiApiKey"];
  const behind = ["ChromaToken", "ChromaUrl", "DatabaseDirectUrl", "DatabaseUrl", "OpenAiApiKey"];
  const database = ["DatabaseDirectUrl", "DatabaseUrl"];
  expect(await table(({ build }) => Object.keys(build.links).sort())).toEqual({
    api: served,
    stream: served,
    worker: behind,
    migration: behind,
    maintenance: database,
    schema: database,
  });
  const environments = await table(({ inputs }) => inputs.environment.variables);
  for (const [name, { SST_KEY, ...variables }] of Object.entries(environments))
    expect(JSON.stringify(variables), name).not.toMatch(new RegExp(`${CANARY}|postgres://|sk-`));
});

infra("SST bundles by the settings that are measured", async () => {
  const told = await table(({ build }) => build.properties);
  for (const [name, properties] of Object.entries(told))
    expect(properties, name).toEqual({ ...bundling, architecture: "arm64" });
});

infra("every function exports the handler that SST is told of", async () => {
  const handlers = await table(({ build }) => build.handler);
  for (const handler of Object.values(handlers)) {
    const { dir, name, ext } = parse(handler);
    const { metafile } = await build({
      entryPoints: [`${dir}/${name}.ts`],
      format: "esm",
      metafile: true,
      write: false,
    });
    expect(Object.values(metafile.outputs)[0]?.exports, handler).toContain(ext.slice(1));
  }
});

infra("a function whose file is missing fails the deploy, and is named", async () => {
  const without = "packages/functions/worker.ts";
  await expect(evaluateInfra("test", { without })).rejects.toThrow(
    /There is no packages\/functions\/worker\.ts/,
  );
});

infra("the schema's function has the SQL beside it; the others wait until it is applied", async () => {
  const { schema, ...others } = await table(({ build, after }) => ({ copied: build.copyFiles, after }));
  const [migrations, ...more] = schema?.copied ?? [];
  expect(more).toEqual([]);
  expect(migrations?.to).toBe("migrations");
  expect(await readdir(migrations?.from ?? "")).toContain("0001_knowledge_base.up.sql");
  for (const [name, other] of Object.entries(others))
    expect(other, name).toEqual({ copied: [], after: ["SchemaApplied"] });
});

infra("nothing is tried again behind the schedule's back", async () => {
  const { resources } = await evaluateInfra("test", { environment: given });
  const tried = resources.filter(
    ({ type }) => type === "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
  );
  expect(tried.map(({ name, inputs }) => [name, inputs.maximumRetryAttempts])).toEqual([
    ["MaintenanceHandlerEventInvokeConfig", 0],
  ]);
});

infra("logs are kept for a week, in production for three months; who called the API, for one", async () => {
  for (const [stage, days] of [
    ["test", 7],
    ["production", 90],
  ] as const) {
    const { builds, resources } = await evaluateInfra(stage, { environment: given });
    const groups = resources.filter(({ type }) => type === "aws:cloudwatch/logGroup:LogGroup");
    expect(Object.fromEntries(groups.map(({ name, inputs }) => [name, inputs.retentionInDays]))).toEqual({
      ...Object.fromEntries(builds.map(({ functionID }) => [`${functionID}LogGroup`, days])),
      ApiAccessLog: 30,
    });
  }
});

infra("a role may write its logs, and do what its function does to what it does it to", async () => {
  const basic = ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"];
  const managed = await table(({ role }) => role.managedPolicyArns);
  for (const [name, policies] of Object.entries(managed)) expect(policies, name).toEqual(basic);
  const { resources } = await evaluateInfra("test", { environment: given });
  expect(resources.filter(({ inputs }) => inputs.managedPolicyArns)).toHaveLength(6);
  expect(resources.filter(({ type }) => type.includes("PolicyAttachment"))).toEqual([]);
  const granted = resources
    .filter(({ type }) => /^aws:iam.*:(Role|RolePolicy)$/.test(type))
    .flatMap(({ name, inputs }) =>
      [inputs, ...(inputs.inlinePolicies ?? [])]
        .filter(({ policy }) => policy)
        .flatMap(({ policy }) => JSON.parse(policy).Statement as Statement[])
        .map(({ actions, resources }) => [name, actions, resources.map((arn) => arn.split(":").at(-1))]),
    );
  // Whole, so that whoever adds to it looks at it. Nothing is allowed to everything: no part of the service needs that.
  const receive = [
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ReceiveMessage",
  ];
  expect(granted.sort()).toEqual([
    ["ApiRouteBbovcaHandlerRole", ["sqs:SendMessage"], ["JobsQueue"]],
    ["JobsSubscriberSbmffcFunctionRole", receive.map((action) => `sqs:${action}`), ["JobsQueue"]],
    ["JobsSubscriberSbmffcFunctionRole", ["sqs:SendMessage"], ["JobsQueue", "DeadJobsQueue"]],
    ["MaintenanceHandlerRole", ["sqs:SendMessage"], ["JobsQueue"]],
    ["MaintenanceRole", ["lambda:InvokeFunction"], ["MaintenanceHandlerFunction"]],
    ["MigrationPolicy", ["lambda:InvokeFunction"], ["MigrationStepsFunction"]],
    ["StreamRole", ["sqs:SendMessage"], ["JobsQueue"]],
  ]);
});

interface Statement {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}
