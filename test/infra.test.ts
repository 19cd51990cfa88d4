import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { evaluateInfra, functionsOf, PLATFORM, type Resource } from "./support/infra.ts";

// The resources that `sst deploy` would create. `npm run check:infra` installs SST's platform, which these tests need.

const infra = test.runIf(existsSync(`${PLATFORM}/src/auto/run.ts`));

const evaluate = (stage = "test") =>
  evaluateInfra(stage, stage === "production" ? { environment: { CAIRN_DOMAIN: "api.example.com" } } : {});

async function resourcesOf(type: string, stage?: string) {
  return (await evaluate(stage)).resources.filter((resource) => resource.type === type);
}

infra(
  "production is protected and retained, other stages are removed completely, and resources are tagged with app and stage",
  async () => {
    expect((await evaluate("production")).app).toMatchObject({ removal: "retain", protect: true });
    expect((await evaluate("test")).app).toMatchObject({ removal: "remove", protect: false });
    for (const stage of ["production", "test"])
      expect((await evaluate(stage)).app.providers.aws).toEqual({
        defaultTags: { tags: { app: "cairn", stage } },
      });
  },
);

infra("one function handles every route, and a second one streams from its own URL", async () => {
  const [route, ...others] = await resourcesOf("aws:apigatewayv2/route:Route");
  expect(route?.inputs.routeKey).toBe("$default");
  expect(others).toEqual([]);
  expect((await resourcesOf("aws:lambda/functionUrl:FunctionUrl"))[0]?.inputs).toMatchObject({
    invokeMode: "RESPONSE_STREAM",
  });
});

infra("the API has a custom domain only if CAIRN_DOMAIN is set", async () => {
  const [domain, ...others] = await resourcesOf("aws:apigatewayv2/domainName:DomainName", "production");
  expect(domain?.inputs).toMatchObject({
    domainName: "api.example.com",
    domainNameConfiguration: {
      securityPolicy: "TLS_1_2",
      certificateArn: expect.stringMatching(/Certificate$/),
    },
  });
  expect(others).toEqual([]);
  expect((await resourcesOf("aws:apigatewayv2/apiMapping:ApiMapping", "production"))[0]?.inputs).toMatchObject({
    apiId: "ApiApi-id",
    domainName: "ApiDomainName-id",
  });
  expect(await resourcesOf("aws:apigatewayv2/domainName:DomainName")).toEqual([]);
});

infra(
  "the job queue delivers one job at a time to at most five workers, hides it longer than the worker's timeout, and dead-letters it after five deliveries",
  async () => {
    const queues = await resourcesOf("aws:sqs/queue:Queue");
    const jobs = queues.find(({ inputs }) => inputs.redrivePolicy);
    expect(JSON.parse(jobs?.inputs.redrivePolicy)).toMatchObject({ maxReceiveCount: 5 });
    expect(jobs?.inputs.visibilityTimeoutSeconds).toBeGreaterThan(900);
    expect(queues).toHaveLength(2);
    expect((await resourcesOf("aws:lambda/eventSourceMapping:EventSourceMapping"))[0]?.inputs).toMatchObject({
      batchSize: 1,
      functionResponseTypes: ["ReportBatchItemFailures"],
      scalingConfig: { maximumConcurrency: 5 },
    });
  },
);

infra("maintenance runs every 15 minutes, and each deploy applies the schema", async () => {
  const [schedule] = await resourcesOf("aws:scheduler/schedule:Schedule");
  expect(schedule?.inputs).toMatchObject({
    scheduleExpression: "rate(15 minutes)",
    target: { retryPolicy: { maximumRetryAttempts: 1 } },
  });
  expect(await resourcesOf("aws:lambda/invocation:Invocation")).toHaveLength(1);
});

infra("the migration is the tested state machine and calls the MigrationSteps function", async () => {
  const [machine] = await resourcesOf("aws:sfn/stateMachine:StateMachine");
  const definition = JSON.parse(machine?.inputs.definition);
  expect(definition).toMatchObject({ QueryLanguage: "JSONata", StartAt: "Plan" });
  expect(definition.States.Plan.Arguments.FunctionName).toContain("MigrationSteps");
});

infra(
  "alarms cover errors, throttles, slow responses, dead letters, failed maintenance runs and migrations, and evaluations whose quality dropped, and are sent by email",
  async () => {
    const { inputs: topic } = (await resourcesOf("aws:sns/topicSubscription:TopicSubscription"))[0] as Resource;
    expect(topic).toMatchObject({ protocol: "email", endpoint: "ops@example.com" });
    const functions = functionsOf(await evaluate());
    const ofFunction = (metricName: string, name: string) => ({
      namespace: "AWS/Lambda",
      metricName,
      dimensions: { FunctionName: functions.find((candidate) => candidate.name === name)?.inputs.name },
      statistic: "Sum",
      threshold: 0,
    });
    const ofGateway = { namespace: "AWS/ApiGateway", dimensions: { ApiId: "ApiApi-id" } };
    const [dead] = (await resourcesOf("aws:sqs/queue:Queue")).filter(({ name }) => name === "DeadJobsQueue");
    const [machine] = await resourcesOf("aws:sfn/stateMachine:StateMachine");
    const expected = {
      ApiErrors: { ...ofGateway, metricName: "5xx", statistic: "Sum", threshold: 5 },
      ApiSlow: { ...ofGateway, metricName: "Latency", extendedStatistic: "p95", threshold: 2_000 },
      ApiThrottles: ofFunction("Throttles", "api"),
      DeadJobsWaiting: {
        namespace: "AWS/SQS",
        metricName: "ApproximateNumberOfMessagesVisible",
        dimensions: { QueueName: dead?.inputs.name },
        statistic: "Maximum",
        threshold: 0,
      },
      MaintenanceErrors: ofFunction("Errors", "maintenance"),
      MaintenanceThrottles: ofFunction("Throttles", "maintenance"),
      MigrationFailed: {
        namespace: "AWS/States",
        metricName: "ExecutionsFailed",
        dimensions: { StateMachineArn: expect.stringMatching(new RegExp(`:${machine?.name}$`)) },
        statistic: "Sum",
        threshold: 0,
      },
      MigrationThrottles: ofFunction("Throttles", "migration"),
      QualityDropped: {
        namespace: "Cairn",
        metricName: "quality_drops",
        dimensions: { service: "evaluation" },
        statistic: "Sum",
        threshold: 0,
      },
      StreamErrors: ofFunction("Errors", "stream"),
      StreamThrottles: ofFunction("Throttles", "stream"),
      WorkerErrors: ofFunction("Errors", "worker"),
      WorkerThrottles: ofFunction("Throttles", "worker"),
    };
    const alarms = await resourcesOf("aws:cloudwatch/metricAlarm:MetricAlarm");
    expect(alarms.map(({ name }) => name).sort()).toEqual(Object.keys(expected));
    expect(Object.fromEntries(alarms.map(({ name, inputs }) => [name, inputs]))).toMatchObject(expected);
    for (const { name, inputs } of alarms)
      expect(inputs, name).toMatchObject({
        comparisonOperator: "GreaterThanThreshold",
        period: 300,
        evaluationPeriods: 1,
        treatMissingData: "notBreaching",
        alarmActions: [topic.topic],
      });
  },
);

infra("the dashboard shows requests, latency, errors and queues of this stage's resources", async () => {
  const [page] = await resourcesOf("aws:cloudwatch/dashboard:Dashboard");
  const { widgets } = JSON.parse(page?.inputs.dashboardBody);
  expect(widgets.map(({ properties }: { properties: { title: string } }) => properties.title)).toEqual([
    "Alarms",
    "Requests, 4xx and 5xx responses",
    "Latency (ms)",
    "Latency by route (ms, p95)",
    "Embedding tokens by route",
    "Chat tokens by route: input, output",
    "Rerank by route: tokens, failed calls",
    "Rows by route: documents, hits",
    "Concurrent executions and throttles",
    "Jobs: waiting, age of the oldest (s), dead letters",
    "Migrations",
  ]);
  expect(widgets[0].properties.alarms).toHaveLength(13);
  // The metric names of packages/functions/aws/emf.ts.
  for (const metric of [
    "milliseconds",
    "tokens",
    "input_tokens",
    "output_tokens",
    "rerank_tokens",
    "rerank_failures",
    "rows",
  ])
    expect(page?.inputs.dashboardBody).toContain(`{Cairn,route,service,status} MetricName=\\"${metric}\\"`);
  expect(JSON.stringify(widgets)).not.toMatch(/undefined|null|\[object/);
  const positions = widgets.map(({ x, y }: { x: number; y: number }) => `${x},${y}`);
  expect(new Set(positions).size).toBe(widgets.length);
});
