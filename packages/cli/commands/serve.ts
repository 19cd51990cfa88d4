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
import { AppError } from "@cairn/core/error.ts";
import { createLocalQueue } from "@cairn/core/job/local-queue.ts";
import { repeatMaintenance } from "@cairn/core/maintenance/repeat.ts";
import { VERSION } from "@cairn/core/version.ts";
import { type ServerType, serve } from "@hono/node-server";
import type { Command } from "commander";
import { databaseName, withServices } from "../open.ts";
import { examples, makeDevelopmentKey } from "../serve/first-start.ts";
import { addServeOptions, chatModelOf, type ServeFlags } from "../serve/options.ts";
import { startTracing } from "../serve/tracing.ts";
import type { Surroundings } from "../surroundings.ts";
import { paragraph } from "../terminal/print.ts";

const HELP = `
Serves the API over HTTP: /docs shows it, /openapi.json describes it, /health and /ready are for load balancers,
/metrics for Prometheus, /mcp for assistants. On its first start in an embedded database it makes a tenant and a key,
and shows three requests to try. Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set. Ctrl-C ends what is under
way, and then the service.`;

export function addServe(program: Command, surroundings: Surroundings): void {
  addServeOptions(
    program.command("serve").summary("serve the API over HTTP").description(paragraph(HELP)),
  ).action((flags: ServeFlags, command: Command) =>
    withServices(command, async (services, config) => {
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
        requestsPerMinute: flags.rateLimit,
        deadline: flags.deadline,
        maxBody: flags.maxBody,
        maxResponse: flags.maxResponse,
        corsOrigins: flags.corsOrigins?.split(",").map((origin) => origin.trim()),
        operatorRoutes: [migrationRoutes({ queue, configured: source !== undefined })],
      });
      const { server, url } = await listen(app.fetch, flags);
      const secret = await makeDevelopmentKey(services);
      console.error(`Cairn serves ${databaseName(config)} at ${url}, and its reference at ${url}/docs`);
      if (services.embedders.notice) console.error(services.embedders.notice);
      if (secret) console.error(`\n${examples(url, secret, chatModel !== undefined)}`);
      await queue.resume();
      const stopMaintenance = repeatMaintenance(services.database, {
        minutes: flags.maintenance,
        onError: log.failure,
      });
      await stopped(server, surroundings.signal);
      await stopMaintenance();
      await queue.close();
      await stopTracing();
    }),
  );
}

const ASSETS = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));

async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(ASSETS, name)));
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port }: ServeFlags,
): Promise<{ readonly server: ServerType; readonly url: string }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port }, (address) =>
      resolve({ server, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` }),
    );
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new AppError(
          "invalid_input",
          `The port ${port} of ${host} cannot be listened on (${error.code}). Choose another with --port.`,
          {
            path: "--port",
            cause: error,
          },
        ),
      ),
    );
  });
}

/** Requests that are under way are answered; idle connections are closed. */
function stopped(server: ServerType, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      server.close(() => resolve());
      if ("closeIdleConnections" in server) server.closeIdleConnections();
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
