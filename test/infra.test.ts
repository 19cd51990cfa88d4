import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { evaluateInfra, functionsOf, PLATFORM, type Resource } from "./support/infra.ts";

// What sst deploy would make. `npm run check:infra` puts SST's platform down, which this needs.

const infra = test.runIf(existsSync(`${PLATFORM}/src/auto/run.ts`));

const evaluate = (stage = "test") =>
  evaluateInfra(stage, stage === "production" ? { environment: { CAIRN_DOMAIN: "api.example.com" } } : {});

async function all(type: string, stage?: string) {
  return (await evaluate(stage)).resources.filter((resource) => resource.type === type);
}

infra(
  "production is protected and retained, other stages go with their removal; what they make says whose it is",
  async () => {
    expect((await evaluate("production")).app).toMatchObject({ removal: "retain", protect: true });
    expect((await evaluate("test")).app).toMatchObject({ removal: "remove", protect: false });
    for (const stage of ["production", "test"])
      expect((await evaluate(stage)).app.providers.aws).toEqual({
        defaultTags: { tags: { app: "cairn", stage } },
      });
  },
);

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

infra("the API is under a name of its own where one is given, and nowhere else", async () => {
  const [domain, ...more] = await all("aws:apigatewayv2/domainName:DomainName", "production");
  expect(domain?.inputs).toMatchObject({
    domainName: "api.example.com",
    domainNameConfiguration: {
      securityPolicy: "TLS_1_2",
      certificateArn: expect.stringMatching(/Certificate$/),
    },
  });
  expect(more).toEqual([]);
  expect((await all("aws:apigatewayv2/apiMapping:ApiMapping", "production"))[0]?.inputs).toMatchObject({
    apiId: "ApiApi-id",
    domainName: "ApiDomainName-id",
  });
  expect(await all("aws:apigatewayv2/domainName:DomainName")).toEqual([]);
});

infra(
  "jobs are delivered one by one, to as many workers as there may be, for longer than a worker may take, and are set aside after five times, when the worker has had its say",
  async () => {
    const queues = await all("aws:sqs/queue:Queue");
    const jobs = queues.find(({ inputs }) => inputs.redrivePolicy);
    expect(JSON.parse(jobs?.inputs.redrivePolicy)).toMatchObject({ maxReceiveCount: 5 });
    expect(jobs?.inputs.visibilityTimeoutSeconds).toBeGreaterThan(900);
    expect(queues).toHaveLength(2);
    expect((await all("aws:lambda/eventSourceMapping:EventSourceMapping"))[0]?.inputs).toMatchObject({
      batchSize: 1,
      functionResponseTypes: ["ReportBatchItemFailures"],
      scalingConfig: { maximumConcurrency: 5 },
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

infra(
  "somebody is told of errors, throttles, slow answers, dead jobs, and failed runs of the schedule and of migrations",
  async () => {
    const { inputs: topic } = (await all("aws:sns/topicSubscription:TopicSubscription"))[0] as Resource;
    expect(topic).toMatchObject({ protocol: "email", endpoint: "ops@example.com" });
    const made = functionsOf(await evaluate());
    const ofFunction = (metricName: string, name: string) => ({
      namespace: "AWS/Lambda",
      metricName,
      dimensions: { FunctionName: made.find((one) => one.name === name)?.inputs.name },
      statistic: "Sum",
      threshold: 0,
    });
    const ofGateway = { namespace: "AWS/ApiGateway", dimensions: { ApiId: "ApiApi-id" } };
    const [dead] = (await all("aws:sqs/queue:Queue")).filter(({ name }) => name === "DeadJobsQueue");
    const [machine] = await all("aws:sfn/stateMachine:StateMachine");
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
      StreamErrors: ofFunction("Errors", "stream"),
      StreamThrottles: ofFunction("Throttles", "stream"),
      WorkerErrors: ofFunction("Errors", "worker"),
      WorkerThrottles: ofFunction("Throttles", "worker"),
    };
    const alarms = await all("aws:cloudwatch/metricAlarm:MetricAlarm");
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
      "Tokens embedded, by route",
      "Tokens of chat, read and written, by route",
      "Documents and hits, by route",
      "Environments at once, and throttles",
      "Jobs: waiting, oldest in seconds, dead",
      "Migrations",
    ]);
    expect(widgets[0].properties.alarms).toHaveLength(12);
    // As the functions name them: see packages/functions/emf.ts.
    for (const metric of ["milliseconds", "tokens", "input_tokens", "output_tokens", "rows"])
      expect(page?.inputs.dashboardBody).toContain(`{Cairn,route,service,status} MetricName=\\"${metric}\\"`);
    expect(JSON.stringify(widgets)).not.toMatch(/undefined|null|\[object/);
    const places = widgets.map(({ x, y }: { x: number; y: number }) => `${x},${y}`);
    expect(new Set(places).size).toBe(widgets.length);
  },
);
