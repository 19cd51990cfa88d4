import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { CANARY, type Evaluated, evaluateInfra, PLATFORM } from "./support/infra.ts";

// What sst deploy would make. `npm run check:infra` puts SST's platform down, which this needs.

const evaluated = new Map<string, Promise<Evaluated>>();

function evaluate(stage: string): Promise<Evaluated> {
  const known = evaluated.get(stage) ?? evaluateInfra(stage);
  evaluated.set(stage, known);
  return known;
}

const infra = test.runIf(existsSync(`${PLATFORM}/src/auto/run.ts`));

async function all(type: string) {
  return (await evaluate("test")).resources.filter((resource) => resource.type === type);
}

infra("production is protected and retained, other stages go with their removal", async () => {
  expect((await evaluate("production")).app).toMatchObject({ removal: "retain", protect: true });
  expect((await evaluate("test")).app).toMatchObject({ removal: "remove", protect: false });
});

infra(
  "every function has its runtime, memory, time, concurrency and kept logs said aloud, and none a secret in its environment",
  async () => {
    const functions = await all("aws:lambda/function:Function");
    const seconds = Object.fromEntries(
      functions.map(({ name, inputs }) => [name.replace(/Function$|Handler.*$/, ""), inputs.timeout]),
    );
    expect(Object.values(seconds).sort((a, b) => a - b)).toEqual([29, 180, 300, 900, 900, 900]);
    for (const { name, inputs } of functions) {
      expect(inputs, name).toMatchObject({
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        packageType: "Zip",
      });
      expect([512, 1024, 2048], name).toContain(inputs.memorySize);
      const { SST_KEY, ...environment } = inputs.environment.variables;
      expect(JSON.stringify(environment), name).not.toMatch(new RegExp(`${CANARY}|postgres://|sk-`));
    }
    const limited = functions.filter(({ inputs }) => inputs.reservedConcurrentExecutions > 0);
    expect(limited).toHaveLength(5); // all but the schema's, which runs at a deploy
    for (const { inputs } of await all("aws:cloudwatch/logGroup:LogGroup"))
      expect(inputs.retentionInDays).toBeGreaterThan(0);
  },
);

infra("a function whose file is missing fails the deploy, and is named", async () => {
  const without = "packages/functions/worker.ts";
  await expect(evaluateInfra("test", { without })).rejects.toThrow(
    /There is no packages\/functions\/worker\.ts/,
  );
});

infra("no role may do everything, or anything to everything", async () => {
  const documents = [
    ...(await all("aws:iam/role:Role")).flatMap(({ inputs }) =>
      (inputs.inlinePolicies ?? []).map((one: { policy: string }) => one.policy),
    ),
    ...(await all("aws:iam/rolePolicy:RolePolicy")).map(({ inputs }) => inputs.policy),
  ];
  expect(documents.length).toBeGreaterThan(3);
  const statements = documents.flatMap((text) => JSON.parse(text).Statement);
  expect(statements.length).toBeGreaterThan(3);
  for (const statement of statements) {
    const actions = [statement.actions ?? statement.Action].flat();
    const resources = [statement.resources ?? statement.Resource].flat();
    for (const action of actions) expect(action).not.toMatch(/^\*$|^\w+:\*$/);
    for (const resource of resources)
      if (resource === "*")
        expect(
          actions.every((action: string) => /^(logs|xray|ec2:Describe|appsync)/.test(action)),
          JSON.stringify(statement),
        ).toBe(true);
  }
});

infra(
  "everything is answered by the API's function; chat and events stream from an address of their own",
  async () => {
    const [route, ...more] = await all("aws:apigatewayv2/route:Route");
    expect(route?.inputs.routeKey).toBe("$default");
    expect(more).toEqual([]);
    expect((await all("aws:lambda/functionUrl:FunctionUrl"))[0]?.inputs).toMatchObject({
      invokeMode: "RESPONSE_STREAM",
    });
  },
);

infra(
  "jobs are delivered one by one, for longer than a worker may take, and are set aside after five times, when the worker has had its say",
  async () => {
    const queues = await all("aws:sqs/queue:Queue");
    const jobs = queues.find(({ inputs }) => inputs.redrivePolicy);
    expect(JSON.parse(jobs?.inputs.redrivePolicy)).toMatchObject({ maxReceiveCount: 5 });
    expect(jobs?.inputs.visibilityTimeoutSeconds).toBeGreaterThan(900);
    expect(queues).toHaveLength(2);
    expect((await all("aws:lambda/eventSourceMapping:EventSourceMapping"))[0]?.inputs).toMatchObject({
      batchSize: 1,
      functionResponseTypes: ["ReportBatchItemFailures"],
    });
  },
);

infra("the schedule runs every quarter of an hour, and the schema is applied at every deploy", async () => {
  const [schedule] = await all("aws:scheduler/schedule:Schedule");
  expect(schedule?.inputs).toMatchObject({
    scheduleExpression: "rate(15 minutes)",
    target: { retryPolicy: { maximumRetryAttempts: 1 } },
  });
  expect(await all("aws:lambda/invocation:Invocation")).toHaveLength(1);
});

infra("the migration is the machine that was tested, and may call its one function", async () => {
  const [machine] = await all("aws:sfn/stateMachine:StateMachine");
  const definition = JSON.parse(machine?.inputs.definition);
  expect(definition).toMatchObject({ QueryLanguage: "JSONata", StartAt: "Plan" });
  expect(definition.States.Plan.Arguments.FunctionName).toContain("MigrationSteps");
});

infra("somebody is told of errors, throttles, slow answers, dead jobs and failed migrations", async () => {
  const alarms = await all("aws:cloudwatch/metricAlarm:MetricAlarm");
  expect(alarms.map(({ name }) => name).sort()).toEqual([
    "ApiErrors",
    "ApiSlow",
    "ApiThrottles",
    "DeadJobsWaiting",
    "MigrationFailed",
  ]);
  for (const { inputs } of alarms) expect(inputs.alarmActions).toHaveLength(1);
  expect((await all("aws:sns/topicSubscription:TopicSubscription"))[0]?.inputs).toMatchObject({
    protocol: "email",
  });
});

infra(
  "a dashboard shows what is asked, how fast, what fails and what waits, of this stage's own parts",
  async () => {
    const [page] = await all("aws:cloudwatch/dashboard:Dashboard");
    const { widgets } = JSON.parse(page?.inputs.dashboardBody);
    expect(widgets.map(({ properties }: { properties: { title: string } }) => properties.title)).toEqual([
      "Alarms",
      "Requests, refusals and failures",
      "Time to answer, ms",
      "Time by route, ms, p95",
      "Environments at once, and throttles",
      "Jobs: waiting, oldest in seconds, dead",
      "Migrations",
    ]);
    expect(widgets[0].properties.alarms).toHaveLength(5);
    expect(JSON.stringify(widgets)).not.toMatch(/undefined|null|\[object/);
    const places = widgets.map(({ x, y }: { x: number; y: number }) => `${x},${y}`);
    expect(new Set(places).size).toBe(widgets.length);
  },
);
