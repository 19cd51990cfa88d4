import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { parse } from "node:path";
import { bundleOptions } from "@cairn/functions/aws/bundle-options.ts";
import { readSettings } from "@cairn/functions/settings.ts";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { CANARY, evaluateInfra, functionsOf, PLATFORM } from "./support/infra.ts";

// The functions that `sst deploy` would create. `npm run check:infra` installs SST's platform, which these tests need.

const infra = test.runIf(existsSync(`${PLATFORM}/src/auto/run.ts`));

/** Names of the environment variables that the settings are read from. */
function settingNames(): readonly string[] {
  const names: string[] = [];
  const recorder = new Proxy<Record<string, string>>({}, { get: (_, name) => void names.push(String(name)) });
  readSettings((name) => (name === "DatabaseUrl" ? "postgres://localhost/cairn" : undefined), recorder);
  return names;
}

const environment = Object.fromEntries(
  settingNames()
    .filter((name) => !name.endsWith("_QUEUE_URL"))
    .map((name) => [name, `value of ${name}`]),
);

type DeployedFunction = ReturnType<typeof functionsOf>[number];

/** A value of every function, by the name of its file. */
async function byFunction<T>(read: (deployed: DeployedFunction) => T, stage = "test", variables: object = environment) {
  const functions = functionsOf(await evaluateInfra(stage, { environment: { ...variables } }));
  return Object.fromEntries(functions.map((deployed) => [deployed.name, read(deployed)]));
}

infra("every function sets its runtime, memory, timeout and concurrency", async () => {
  const configured = await byFunction(({ inputs }) => [
    inputs.timeout,
    inputs.memorySize,
    inputs.reservedConcurrentExecutions,
    inputs.runtime,
    ...inputs.architectures,
    inputs.packageType,
  ]);
  const runtime = ["nodejs24.x", "arm64", "Zip"];
  expect(configured).toEqual({
    api: [29, 1024, 50, ...runtime],
    stream: [180, 1024, 20, ...runtime],
    worker: [900, 2048, 5, ...runtime],
    maintenance: [900, 512, 1, ...runtime],
    migration: [900, 2048, 5, ...runtime],
    schema: [300, 1024, undefined, ...runtime],
  });
});

infra("CAIRN_RESERVE_CONCURRENCY=no deploys without reserved concurrency", async () => {
  const reserved = await byFunction(({ inputs }) => inputs.reservedConcurrentExecutions, "small", {
    CAIRN_RESERVE_CONCURRENCY: "no",
  });
  expect(Object.keys(reserved)).toHaveLength(6);
  expect(Object.values(reserved)).toEqual(Array(6).fill(undefined));
});

infra("every function gets all settings that are not secret; only senders get a queue's URL", async () => {
  const environments = await byFunction(({ inputs }) => inputs.environment.variables);
  expect(Object.keys(environment).length).toBeGreaterThan(5);
  for (const [name, variables] of Object.entries(environments)) expect(variables, name).toMatchObject(environment);
  const functionsWith = (variable: string) =>
    Object.keys(environments).filter((name) => environments[name]?.[variable]);
  expect(functionsWith("CAIRN_JOBS_QUEUE_URL").sort()).toEqual(["api", "maintenance", "stream", "worker"]);
  expect(functionsWith("CAIRN_DEAD_JOBS_QUEUE_URL")).toEqual(["worker"]);
});

infra("secrets are linked only to the functions that need them and are in no environment variable", async () => {
  const api = ["ChatApiKey", "ChromaUrl", "DatabaseUrl", "OpenAiApiKey", "RerankApiKey"];
  const background = ["ChromaToken", "ChromaUrl", "DatabaseDirectUrl", "DatabaseUrl", "OpenAiApiKey"];
  const database = ["DatabaseDirectUrl", "DatabaseUrl"];
  expect(await byFunction(({ build }) => Object.keys(build.links).sort())).toEqual({
    api,
    stream: api,
    worker: background,
    migration: background,
    maintenance: database,
    schema: database,
  });
  const environments = await byFunction(({ inputs }) => inputs.environment.variables);
  for (const [name, { SST_KEY, ...variables }] of Object.entries(environments))
    expect(JSON.stringify(variables), name).not.toMatch(new RegExp(`${CANARY}|postgres://|sk-`));
});

infra("SST bundles with the options that the benchmark uses", async () => {
  const options = await byFunction(({ build }) => build.properties);
  for (const [name, properties] of Object.entries(options))
    expect(properties, name).toEqual({ ...bundleOptions, architecture: "arm64" });
});

infra("every function's file exports its handler", async () => {
  const handlers = await byFunction(({ build }) => build.handler);
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

infra("a missing function file fails the deploy with its path", async () => {
  const missingFile = "packages/functions/aws/handlers/worker.ts";
  await expect(evaluateInfra("test", { missingFile })).rejects.toThrow(
    /The file packages\/functions\/aws\/handlers\/worker\.ts does not exist/,
  );
});

infra(
  "the schema function contains the SQL files, the API function the console, and the other functions wait for the schema",
  async () => {
    const { schema, api, ...others } = await byFunction(({ build, dependsOn }) => ({
      copied: build.copyFiles,
      dependsOn,
    }));
    const [migrations, ...rest] = schema?.copied ?? [];
    expect(rest).toEqual([]);
    expect(migrations?.to).toBe("migrations");
    expect(await readdir(migrations?.from ?? "")).toContain("0001_knowledge_base.up.sql");
    expect(api).toMatchObject({ copied: [{ to: "console" }], dependsOn: ["SchemaApplied"] });
    expect(await readdir(api?.copied[0]?.from ?? "")).toContain("page.html");
    for (const [name, other] of Object.entries(others))
      expect(other, name).toEqual({ copied: [], dependsOn: ["SchemaApplied"] });
  },
);

infra("a failed maintenance call is not retried by Lambda", async () => {
  const { resources } = await evaluateInfra("test", { environment });
  const retried = resources.filter(
    ({ type }) => type === "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
  );
  expect(retried.map(({ name, inputs }) => [name, inputs.maximumRetryAttempts])).toEqual([
    ["MaintenanceHandlerEventInvokeConfig", 0],
  ]);
});

infra("logs are kept for a week, in production for three months, and the API's access log for 30 days", async () => {
  for (const [stage, days] of [
    ["test", 7],
    ["production", 90],
  ] as const) {
    const { builds, resources } = await evaluateInfra(stage, { environment });
    const groups = resources.filter(({ type }) => type === "aws:cloudwatch/logGroup:LogGroup");
    expect(Object.fromEntries(groups.map(({ name, inputs }) => [name, inputs.retentionInDays]))).toEqual({
      ...Object.fromEntries(builds.map(({ functionID }) => [`${functionID}LogGroup`, days])),
      ApiAccessLog: 30,
    });
  }
});

infra("a role may write its logs and perform its function's actions on its function's resources only", async () => {
  const basic = ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"];
  const managed = await byFunction(({ role }) => role.managedPolicyArns);
  for (const [name, policies] of Object.entries(managed)) expect(policies, name).toEqual(basic);
  const { resources } = await evaluateInfra("test", { environment });
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
  // The complete list, so that every new permission is a visible change. No permission applies to all resources.
  const receive = ["ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage"];
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
