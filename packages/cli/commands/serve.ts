import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApp } from "@cairn/api/app.ts";
import { createJobKinds } from "@cairn/api/jobs.ts";
import { docsRoutes } from "@cairn/api/routes/docs.ts";
import { appOptions } from "@cairn/api/settings/app-options.ts";
import { settingsInForce } from "@cairn/api/settings/in-force.ts";
import { readJwtOptions } from "@cairn/api/settings/options.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { createEvaluationMonitor } from "@cairn/api/telemetry/evaluations.ts";
import { createLog } from "@cairn/api/telemetry/log.ts";
import { createMetrics, type MetricSource } from "@cairn/api/telemetry/metrics.ts";
import { loadTokenizer } from "@cairn/core/embedding/tokens.ts";
import { startDueEvaluations } from "@cairn/core/evaluation/schedule.ts";
import { createLocalQueue } from "@cairn/core/job/local-queue.ts";
import { repeatMaintenance } from "@cairn/core/maintenance/repeat.ts";
import type { Services } from "@cairn/core/services.ts";
import { createUsageBuffer } from "@cairn/core/usage/buffer.ts";
import { createThreadReader } from "@cairn/files/convert/thread.ts";
import type { ServerType } from "@hono/node-server";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import type { Config } from "../config.ts";
import { EXTENSIONS } from "../extensions.ts";
import { databaseName, withServices } from "../open.ts";
import { settingOptions } from "../options/setting-option.ts";
import { createConsoleReader } from "../serve/console-files.ts";
import { createDevelopmentKey, examples } from "../serve/first-start.ts";
import { listenForRequests } from "../serve/listen-for-requests.ts";
import { chatOptionsOf, type ServeFlags } from "../serve/options.ts";
import { startTracing } from "../serve/tracing.ts";
import { paragraph } from "../terminal/print.ts";

const HELP = `
Serve the API over HTTP: the console at /console, the reference at /docs and /openapi.json, /health and /ready for load balancers, /metrics for
Prometheus, /mcp for assistants. With --private-listen 127.0.0.1:9090, /docs, /openapi.json and /metrics are served only at
that address, next to the API. The first start in an embedded database creates a tenant and an API key, and prints three
example requests. Traces are sent to OTEL_EXPORTER_OTLP_ENDPOINT if it is set. Ctrl-C and SIGTERM end the process within 10 s:
running requests are completed, and jobs are released to the next process.`;

export function addServe(program: Command, context: CommandContext): void {
  const serve = program.command("serve").summary("Serve the API over HTTP").description(paragraph(HELP));
  const tables = [SETTINGS, ...EXTENSIONS.map(({ service }) => service.settings)];
  for (const option of tables.flatMap((table) => settingOptions(table, "serve"))) serve.addOption(option);
  serve.action((flags: ServeFlags, command: Command) => {
    const exitTimer = startExitTimer(context.signal);
    const { connections, tenantConnections } = flags;
    const work = async (opened: Services, config: Config) => {
      const stopTracing = await startTracing(process.env);
      const log = createLog({ level: flags.logLevel });
      const usage = createUsageBuffer(opened.database, { onError: (error) => log.failure(error, { about: "usage" }) });
      const services = { ...opened, usage };
      const settings = appOptions({
        ...flags,
        chat: chatOptionsOf(flags, config),
        jwt: readJwtOptions(flags),
      });
      const extensions = EXTENSIONS.map(({ service }) => service);
      const extraKinds = extensions.map((extension) => extension.jobKinds(flags, databaseName(config)));
      const evaluations = createEvaluationMonitor(log);
      const ownKinds = createJobKinds({ ...settings, onEvaluation: evaluations.observe });
      const queue = createLocalQueue(services, Object.assign(ownKinds, ...extraKinds), {
        onError: (error) => log.failure(error, { about: "a job" }),
      });
      const closing: (() => Promise<void>)[] = [];
      const metricSources: MetricSource[] = [evaluations.metrics];
      const announced: string[] = [];
      const running = {
        announce: (sentence: string) => void announced.push(sentence),
        addMetrics: (source: MetricSource) => void metricSources.push(source),
        onError: (error: unknown) => log.failure(error, { about: "the gateway" }),
        onClose: (work: () => Promise<void>) => void closing.push(work),
      };
      const app = createApp(services, {
        ...settings,
        queue,
        log,
        metrics: createMetrics({ sources: metricSources }),
        readFile: createThreadReader({ threads: FILE_THREADS, timeoutMs: FILE_TIMEOUT_MS }),
        docs: docsRoutes(readAsset),
        console: createConsoleReader(),
        configuration: async () => settingsInForce(tables, ["cairn", "serve"], { ...config, ...flags }),
        closing: context.signal,
        namespaces: extensions.flatMap((extension) => extension.namespaces?.() ?? [])[0],
        operatorRoutes: extensions.flatMap((extension) => extension.routes(flags, queue)),
        protocols: extensions.flatMap((extension) => extension.protocols(flags, services, running)),
      });
      await loadTokenizer(); // takes 0.1 s, which no request should wait for
      const { servers, url, privateUrl } = await listenForRequests(app, flags);
      const secret = await createDevelopmentKey(services);
      console.error(
        `Cairn serves ${databaseName(config)} at ${url}, with the console at ${url}/console and the API reference at ${privateUrl ?? url}/docs`,
      );
      for (const sentence of announced) console.error(sentence);
      if (services.embedders.notice) console.error(services.embedders.notice);
      if (secret) console.error(`\n${examples(url, secret, settings.chatModel !== undefined)}`);
      await queue.resume();
      const stopMaintenance = repeatMaintenance(services.database, {
        minutes: flags.maintenance,
        extra: () => startDueEvaluations(services.database, { queue, onError: log.failure }),
        onError: log.failure,
      });
      await aborted(context.signal);
      await Promise.all([
        ...servers.map(closeServer),
        stopMaintenance(),
        queue.close(),
        ...closing.map((close) => close()),
      ]);
      await usage.close().catch((error) => log.failure(error, { about: "usage" }));
      await stopTracing();
      exitTimer.release();
    };
    return withServices(command, work, { connections, tenantConnections });
  });
}

/** Threads that read uploaded files, of all tenants. A tenant has one upload at once. */
const FILE_THREADS = 4;

/** Milliseconds that reading an uploaded file may take. */
const FILE_TIMEOUT_MS = 20_000;

const ASSETS = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));

async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(ASSETS, name)));
}

/**
 * Time from the stop signal until the process exits, whatever is still running, in milliseconds. The documented limit is 10 s;
 * the difference is a margin for a busy machine.
 */
const STOP_TIMEOUT_MS = 8_000;

/** Time from the stop signal until connections with running requests are closed, in milliseconds. */
const CLOSE_TIMEOUT_MS = 7_000;

/**
 * Exits the process `STOP_TIMEOUT_MS` after the signal, even if it is still starting and waits for its database. Losing the
 * remaining work is safe, as with kill -9. `release` lets the process exit earlier if nothing else keeps it running.
 */
function startExitTimer(signal: AbortSignal): { release(): void } {
  let timer: NodeJS.Timeout | undefined;
  void aborted(signal).then(() => {
    timer = setTimeout(() => process.exit(0), STOP_TIMEOUT_MS);
  });
  return { release: () => timer?.unref() };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Closes the server. Running requests are completed within `CLOSE_TIMEOUT_MS`; idle connections are closed at once. */
function closeServer(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 100);
    const all = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(all);
      resolve();
    });
  });
}
