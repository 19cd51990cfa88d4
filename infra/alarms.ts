import type { api } from "./api";
import type { jobs } from "./jobs";
import type { maintenance } from "./maintenance";
import type { migration } from "./migration";

interface MonitoredResources {
  readonly api: ReturnType<typeof api>;
  readonly jobs: ReturnType<typeof jobs>;
  readonly maintenance: ReturnType<typeof maintenance>;
  readonly migration: ReturnType<typeof migration>;
}

type AlarmArgs = aws.cloudwatch.MetricAlarmArgs;

/** The alarms: errors, throttles, slow responses, dead letters, failed maintenance runs and migrations, and evaluations whose quality dropped. They are sent to CAIRN_ALARM_EMAIL, if it is set. */
export function alarms({ api, jobs, maintenance, migration }: MonitoredResources) {
  const topic = new aws.sns.Topic("Alarms");
  const address = process.env.CAIRN_ALARM_EMAIL;
  const subscription = { topic: topic.arn, protocol: "email" };
  if (address) new aws.sns.TopicSubscription("AlarmsByEmail", { ...subscription, endpoint: address });
  const alarm = (name: string, args: Omit<AlarmArgs, "comparisonOperator" | "evaluationPeriods">) =>
    new aws.cloudwatch.MetricAlarm(name, {
      comparisonOperator: "GreaterThanThreshold",
      evaluationPeriods: 1,
      period: 300,
      threshold: 0,
      treatMissingData: "notBreaching",
      alarmActions: [topic.arn],
      ...args,
    });
  const ofFunction = (metricName: "Errors" | "Throttles", name: $util.Input<string>) => ({
    namespace: "AWS/Lambda",
    metricName,
    dimensions: { FunctionName: name },
    statistic: "Sum",
  });
  const backgroundFunctions = {
    Stream: api.stream.name,
    Worker: jobs.worker.name,
    Maintenance: maintenance.nodes.function.name,
  };
  const ofGateway = { namespace: "AWS/ApiGateway", dimensions: { ApiId: api.gateway.nodes.api.id } };
  return [
    alarm("ApiErrors", { ...ofGateway, metricName: "5xx", statistic: "Sum", threshold: 5 }),
    alarm("ApiThrottles", ofFunction("Throttles", api.route.nodes.function.name)),
    alarm("ApiSlow", { ...ofGateway, metricName: "Latency", extendedStatistic: "p95", threshold: 2_000 }),
    alarm("DeadJobsWaiting", {
      namespace: "AWS/SQS",
      metricName: "ApproximateNumberOfMessagesVisible",
      dimensions: { QueueName: jobs.dead.nodes.queue.name },
      statistic: "Maximum",
    }),
    alarm("QualityDropped", {
      namespace: "Cairn",
      metricName: "quality_drops",
      dimensions: { service: "evaluation" },
      statistic: "Sum",
    }),
    alarm("MigrationFailed", {
      namespace: "AWS/States",
      metricName: "ExecutionsFailed",
      dimensions: { StateMachineArn: migration.machine.arn },
      statistic: "Sum",
    }),
    alarm("MigrationThrottles", ofFunction("Throttles", migration.steps.name)),
    // A function's error is a crash or a timeout. Expected failures are returned to the caller or recorded in their job.
    ...Object.entries(backgroundFunctions).flatMap(([what, name]) => [
      alarm(`${what}Errors`, ofFunction("Errors", name)),
      alarm(`${what}Throttles`, ofFunction("Throttles", name)),
    ]),
  ];
}
