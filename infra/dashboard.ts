import type { alarms } from "./alarms";
import type { api } from "./api";
import type { jobs } from "./jobs";
import type { migration } from "./migration";

interface Shown {
  readonly api: ReturnType<typeof api>;
  readonly jobs: ReturnType<typeof jobs>;
  readonly migration: ReturnType<typeof migration>;
  readonly alarms: ReturnType<typeof alarms>;
}

/** Width of a graph: two in a row of 24. */
const WIDTH = 12;
const HEIGHT = 6;

/** The service on one page of CloudWatch's: what is asked, how fast it is answered, what fails, what waits. */
export function dashboard({ api, jobs, migration, alarms }: Shown) {
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
    .apply(([{ gateway, handler, stream, queue, dead, machine }, place, ringing]) => {
      const graph = (title: string, metrics: readonly unknown[][], more = {}) => ({
        type: "metric",
        properties: { title, region: place, period: 300, view: "timeSeries", metrics, ...more },
      });
      const ofGateway = (metric: string, more = {}) => ["AWS/ApiGateway", metric, "ApiId", gateway, more];
      const ofFunction = (metric: string, name: string, more = {}) => [
        "AWS/Lambda",
        metric,
        "FunctionName",
        name,
        more,
      ];
      const ofQueue = (metric: string, name: string, more = {}) => [
        "AWS/SQS",
        metric,
        "QueueName",
        name,
        more,
      ];
      const ofMachine = (metric: string) => [
        "AWS/States",
        metric,
        "StateMachineArn",
        machine,
        { stat: "Sum" },
      ];
      /** The functions' own, see packages/functions/emf.ts. */
      const byRoute = (metric: string, statistic: string) => [
        {
          expression: `SEARCH('{Cairn,route,service,status} MetricName="${metric}"', '${statistic}', 300)`,
          id: metric,
        },
      ];
      const widgets: readonly object[] = [
        { type: "alarm", properties: { title: "Alarms", alarms: ringing } },
        graph("Requests, refusals and failures", [
          ofGateway("Count", { stat: "Sum" }),
          ofGateway("4xx", { stat: "Sum" }),
          ofGateway("5xx", { stat: "Sum" }),
        ]),
        graph("Time to answer, ms", [
          ofGateway("Latency", { stat: "p50" }),
          ofGateway("Latency", { stat: "p95" }),
          ofGateway("Latency", { stat: "p99" }),
        ]),
        graph("Time by route, ms, p95", [byRoute("milliseconds", "p95")]),
        graph("Tokens embedded, by route", [byRoute("tokens", "Sum")]),
        graph("Tokens of chat, read and written, by route", [
          byRoute("input_tokens", "Sum"),
          byRoute("output_tokens", "Sum"),
        ]),
        graph("Documents and hits, by route", [byRoute("rows", "Sum")]),
        graph("Environments at once, and throttles", [
          ofFunction("ConcurrentExecutions", handler, { stat: "Maximum" }),
          ofFunction("ConcurrentExecutions", stream, { stat: "Maximum" }),
          ofFunction("Throttles", handler, { stat: "Sum" }),
        ]),
        graph("Jobs: waiting, oldest in seconds, dead", [
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
