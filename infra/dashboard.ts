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
      const ofGateway = (metric: string, options = {}) => [
        "AWS/ApiGateway",
        metric,
        "ApiId",
        gateway,
        options,
      ];
      const ofFunction = (metric: string, name: string, options = {}) => [
        "AWS/Lambda",
        metric,
        "FunctionName",
        name,
        options,
      ];
      const ofQueue = (metric: string, name: string, options = {}) => [
        "AWS/SQS",
        metric,
        "QueueName",
        name,
        options,
      ];
      const ofMachine = (metric: string) => [
        "AWS/States",
        metric,
        "StateMachineArn",
        machine,
        { stat: "Sum" },
      ];
      /** Metrics of the functions, see packages/functions/aws/emf.ts. */
      const byRoute = (metric: string, statistic: string) => [
        {
          expression: `SEARCH('{Cairn,route,service,status} MetricName="${metric}"', '${statistic}', 300)`,
          id: metric,
        },
      ];
      const widgets: readonly object[] = [
        { type: "alarm", properties: { title: "Alarms", alarms: alarmArns } },
        graph("Requests, 4xx and 5xx responses", [
          ofGateway("Count", { stat: "Sum" }),
          ofGateway("4xx", { stat: "Sum" }),
          ofGateway("5xx", { stat: "Sum" }),
        ]),
        graph("Latency (ms)", [
          ofGateway("Latency", { stat: "p50" }),
          ofGateway("Latency", { stat: "p95" }),
          ofGateway("Latency", { stat: "p99" }),
        ]),
        graph("Latency by route (ms, p95)", [byRoute("milliseconds", "p95")]),
        graph("Embedding tokens by route", [byRoute("tokens", "Sum")]),
        graph("Chat tokens by route: input, output", [
          byRoute("input_tokens", "Sum"),
          byRoute("output_tokens", "Sum"),
        ]),
        graph("Rows by route: documents, hits", [byRoute("rows", "Sum")]),
        graph("Concurrent executions and throttles", [
          ofFunction("ConcurrentExecutions", handler, { stat: "Maximum" }),
          ofFunction("ConcurrentExecutions", stream, { stat: "Maximum" }),
          ofFunction("Throttles", handler, { stat: "Sum" }),
        ]),
        graph("Jobs: waiting, age of the oldest (s), dead letters", [
          ofQueue("ApproximateNumberOfMessagesVisible", queue, { stat: "Maximum" }),
          ofQueue("ApproximateAgeOfOldestMessage", queue, { stat: "Maximum", yAxis: "right" }),
          ofQueue("ApproximateNumberOfMessagesVisible", dead, { stat: "Maximum" }),
        ]),
        graph("Migrations", [
          ofMachine("ExecutionsStarted"),
          ofMachine("ExecutionsSucceeded"),
          ofMachine("ExecutionsFailed"),
        ]),
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
