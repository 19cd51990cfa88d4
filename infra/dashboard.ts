import type { alarms } from "./alarms";
import type { api } from "./api";
import type { jobs } from "./jobs";
import type { migration } from "./migration";

interface DashboardResources {
  readonly api: ReturnType<typeof api>;
  readonly jobs: ReturnType<typeof jobs>;
  readonly migration: ReturnType<typeof migration>;
  readonly alarms: ReturnType<typeof alarms>;
}

/** Width of a graph. A row is 24 wide and has two graphs. */
const WIDTH = 12;
const HEIGHT = 6;

/** The CloudWatch dashboard: requests, latency, errors, queues, migrations. */
export function dashboard({ api, jobs, migration, alarms }: DashboardResources) {
  const region = aws.getRegionOutput().region;
  const names = {
    gateway: api.gateway.nodes.api.id,
    handler: api.route.nodes.function.name,
    stream: api.stream.name,
    queue: jobs.queue.nodes.queue.name,
    dead: jobs.dead.nodes.queue.name,
    machine: migration.machine.arn,
  };
  const body = $util
    .all([$util.output(names), region, alarms.map(({ arn }) => arn)])
    .apply(([{ gateway, handler, stream, queue, dead, machine }, regionName, alarmArns]) => {
      const graph = (title: string, metrics: readonly unknown[][]) => ({
        type: "metric",
        properties: { title, region: regionName, period: 300, view: "timeSeries", metrics },
      });
      const metricOf =
        (namespace: string, dimension: string, value: string) =>
        (metric: string, options = {}) => [namespace, metric, dimension, value, options];
      const ofGateway = metricOf("AWS/ApiGateway", "ApiId", gateway);
      const ofHandler = metricOf("AWS/Lambda", "FunctionName", handler);
      const ofStream = metricOf("AWS/Lambda", "FunctionName", stream);
      const ofQueue = metricOf("AWS/SQS", "QueueName", queue);
      const ofDead = metricOf("AWS/SQS", "QueueName", dead);
      const ofMachine = metricOf("AWS/States", "StateMachineArn", machine);
      /** Metrics of the functions, see packages/functions/aws/emf.ts. */
      const byRoute = (id: string, statistic: string) => [
        { expression: `SEARCH('{Cairn,route,service,status} MetricName="${id}"', '${statistic}', 300)`, id },
      ];
      const states = ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed"];
      const widgets: readonly object[] = [
        { type: "alarm", properties: { title: "Alarms", alarms: alarmArns } },
        graph(
          "Requests, 4xx and 5xx responses",
          ["Count", "4xx", "5xx"].map((metric) => ofGateway(metric, { stat: "Sum" })),
        ),
        graph(
          "Latency (ms)",
          ["p50", "p95", "p99"].map((stat) => ofGateway("Latency", { stat })),
        ),
        graph("Latency by route (ms, p95)", [byRoute("milliseconds", "p95")]),
        graph("Embedding tokens by route", [byRoute("tokens", "Sum")]),
        graph("Chat tokens by route: input, output", [byRoute("input_tokens", "Sum"), byRoute("output_tokens", "Sum")]),
        graph("Rerank by route: tokens, failed calls", [
          byRoute("rerank_tokens", "Sum"),
          byRoute("rerank_failures", "Sum"),
        ]),
        graph("Rows by route: documents, hits", [byRoute("rows", "Sum")]),
        graph("Concurrent executions and throttles", [
          ofHandler("ConcurrentExecutions", { stat: "Maximum" }),
          ofStream("ConcurrentExecutions", { stat: "Maximum" }),
          ofHandler("Throttles", { stat: "Sum" }),
        ]),
        graph("Jobs: waiting, age of the oldest (s), dead letters", [
          ofQueue("ApproximateNumberOfMessagesVisible", { stat: "Maximum" }),
          ofQueue("ApproximateAgeOfOldestMessage", { stat: "Maximum", yAxis: "right" }),
          ofDead("ApproximateNumberOfMessagesVisible", { stat: "Maximum" }),
        ]),
        graph(
          "Migrations",
          states.map((metric) => ofMachine(metric, { stat: "Sum" })),
        ),
      ];
      return JSON.stringify({
        widgets: widgets.map((widget, n) => ({
          ...widget,
          x: (n % 2) * WIDTH,
          y: Math.floor(n / 2) * HEIGHT,
          width: WIDTH,
          height: HEIGHT,
        })),
      });
    });
  return new aws.cloudwatch.Dashboard("Dashboard", {
    dashboardName: `${$app.name}-${$app.stage}`,
    dashboardBody: body,
  });
}
