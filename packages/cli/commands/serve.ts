import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApp } from "@cairn/api/app.ts";
import { createJobKinds } from "@cairn/api/jobs.ts";
import { jwtOf } from "@cairn/api/settings.ts";
import { createLog } from "@cairn/api/telemetry/log.ts";
import { createMetrics } from "@cairn/api/telemetry/metrics.ts";
import { MIGRATION, migrationRunner } from "@cairn/chroma/service/job.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { loadTokenizer } from "@cairn/core/embedding/tokens.ts";
import { createLocalQueue } from "@cairn/core/job/local-queue.ts";
import { repeatMaintenance } from "@cairn/core/maintenance/repeat.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { ServerType } from "@hono/node-server";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { databaseName, withServices } from "../open.ts";
import { createAddressReader } from "../serve/address.ts";
import { examples, makeDevelopmentKey } from "../serve/first-start.ts";
import { listen } from "../serve/listen.ts";
import { addServeOptions, chatModelOf, type ServeFlags } from "../serve/options.ts";
import { startTracing } from "../serve/tracing.ts";
import { paragraph } from "../terminal/print.ts";

const HELP = `
Serves the API over HTTP: /docs shows it, /openapi.json describes it, /health and /ready are for load balancers,
/metrics for Prometheus, /mcp for assistants. On its first start in an embedded database it makes a tenant and a key,
and shows three requests to try. Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set. Ctrl-C and SIGTERM end it
within 10 s: requests under way are answered, jobs are handed over to the next process.`;

export function addServe(program: Command, context: CommandContext): void {
  addServeOptions(
    program.command("serve").summary("serve the API over HTTP").description(paragraph(HELP)),
  ).action((flags: ServeFlags, command: Command) => {
    const exit = exitInTime(context.signal);
    return withServices(command, async (services, config) => {
      const stopTracing = await startTracing(process.env);
      const log = createLog({ level: flags.logLevel });
      const limits = { embeddingTokensPerDay: flags.embeddingBudget };
      const source = flags.chroma ? { url: flags.chroma, token: flags.token } : undefined;
      const migration = source && {
        [MIGRATION]: migrationRunner({ source, databaseName: databaseName(config), cairnVersion: VERSION }),
      };
      const queue = createLocalQueue(
        services,
        { ...createJobKinds(limits), ...migration },
        { onError: (error) => log.failure(error, { about: "a job" }) },
      );
      const chatModel = chatModelOf(flags, config);
      const app = createApp(services, {
        ...limits,
        queue,
        chatModel,
        log,
        jwt: jwtOf(flags),
        metrics: createMetrics(),
        docs: readAsset,
        closing: context.signal,
        requestsPerMinute: flags.rateLimit,
        deadline: flags.deadline,
        maxBody: flags.maxBody,
        maxResponse: flags.maxResponse,
        tenantConcurrency: flags.tenantConcurrency,
        tenantQueue: flags.tenantQueue,
        queueTimeout: flags.queueTimeout,
        tenantStreams: flags.tenantStreams,
        unknownKeysPerMinute: flags.unknownKeys,
        corsOrigins: flags.corsOrigins?.split(",").map((origin) => origin.trim()),
        operatorRoutes: [migrationRoutes({ queue, configured: source !== undefined })],
      });
      await loadTokenizer(); // it takes a tenth of a second, which no request should wait for
      const addressOf = createAddressReader(flags.trustedProxies);
      const { server, url } = await listen(
        (request, { incoming }) => app.fetch(request, { address: addressOf(incoming) }),
        flags,
      );
      const secret = await makeDevelopmentKey(services);
      console.error(`Cairn serves ${databaseName(config)} at ${url}, and its reference at ${url}/docs`);
      if (services.embedders.notice) console.error(services.embedders.notice);
      if (secret) console.error(`\n${examples(url, secret, chatModel !== undefined)}`);
      await queue.resume();
      const stopMaintenance = repeatMaintenance(services.database, {
        minutes: flags.maintenance,
        onError: log.failure,
      });
      await aborted(context.signal);
      await Promise.all([closed(server), stopMaintenance(), queue.close()]);
      await stopTracing();
      exit.letGo();
    });
  });
}

const ASSETS = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));

async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(ASSETS, name)));
}

/**
 * Milliseconds from the signal to stop until the process ends, whatever is still under way. Users are promised 10 s: the
 * rest is for a busy machine.
 */
const STOP_TIMEOUT_MS = 8_000;

/** Milliseconds after which connections are closed whose requests have not ended by then. */
const CLOSE_TIMEOUT_MS = 7_000;

/**
 * Ends the process in time after the signal, wherever it is by then: it may be starting still, and wait for its database.
 * What is left is safe to lose, as by kill -9. `letGo`: the process ends earlier where nothing is left to do.
 */
function exitInTime(signal: AbortSignal): { letGo(): void } {
  let timer: NodeJS.Timeout | undefined;
  void aborted(signal).then(() => {
    timer = setTimeout(() => process.exit(0), STOP_TIMEOUT_MS);
  });
  return { letGo: () => timer?.unref() };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Requests that are under way are answered, within their time; idle connections are closed. */
function closed(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 100);
    const all = setTimeout(
      () => "closeAllConnections" in server && server.closeAllConnections(),
      CLOSE_TIMEOUT_MS,
    );
    server.close(() => {
      clearInterval(idle);
      clearTimeout(all);
      resolve();
    });
  });
}
