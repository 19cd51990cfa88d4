import { type Api, type AppOptions, createApp } from "@cairn/api/app.ts";
import { createJobKinds } from "@cairn/api/jobs.ts";
import { appOptions } from "@cairn/api/settings/app-options.ts";
import { logDrops } from "@cairn/api/telemetry/evaluations.ts";
import type { Log } from "@cairn/api/telemetry/log.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { SetResult } from "@cairn/core/evaluation/run-set.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import { rowsBuiltIn } from "@cairn/core/maintenance/rows-built.ts";
import type { Services } from "@cairn/core/services.ts";
import { createUsageBuffer } from "@cairn/core/usage/buffer.ts";
import { createServices } from "./services.ts";
import type { Settings } from "./settings.ts";

/** The parts of the service that each cloud platform provides. */
export interface Platform
  extends Pick<AppOptions, "observers" | "operatorRoutes" | "protocols" | "namespaces" | "readFile" | "console"> {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly log: Log;
  /** Kinds of jobs in addition to the API's. */
  readonly kinds?: JobKinds;
  /** Gets the result of each scheduled evaluation, for a metric. */
  readonly onEvaluation?: (result: SetResult) => void;
}

/** Time limit of a job, in milliseconds. */
const JOB_TIMEOUT_MS = 840_000;

export interface Service {
  readonly services: Services;
  readonly settings: Settings;
  readonly queue: JobQueue;
  readonly kinds: JobKinds;
  readonly log: Log;
  readonly app: Api;
}

/**
 * Writes what was used: after a job always (`always`), after a request if the last time was 10 seconds ago. A failure is logged;
 * the counts are kept for the next time.
 */
export async function flushUsage(
  { services: { usage }, log }: Pick<Service, "services" | "log">,
  { always = false } = {},
): Promise<void> {
  await (always ? usage?.flush() : usage?.flushIfDue())?.catch((error) => log.failure(error, { about: "usage" }));
}

/** The service, composed from settings and a platform's parts. It is the same on every cloud. Opens nothing. */
export function composeService(settings: Settings, { database, kinds, onEvaluation, ...platform }: Platform): Service {
  const { queue, log } = platform;
  // A function is frozen between two requests, so a timer would not run: `flushUsage` follows a request.
  const usage = createUsageBuffer(database, { hasTimer: false });
  const services = { ...createServices(settings, database), usage };
  const configuration = async () => {
    const [{ settingsInForce }, { SETTINGS }] = await Promise.all([
      import("@cairn/api/settings/in-force.ts"),
      import("@cairn/api/settings/table.ts"),
    ]);
    return settingsInForce([SETTINGS], ["cloud"], { ...settings });
  };
  const app = createApp(services, { ...platform, ...appOptions(settings), configuration });
  const { embeddingTokensPerDay } = settings;
  const ownKinds = createJobKinds({
    embeddingTokensPerDay,
    maxRows: rowsBuiltIn(JOB_TIMEOUT_MS),
    onEvaluation: (result) => {
      logDrops(result, log);
      onEvaluation?.(result);
    },
  });
  return { services, settings, queue, log, app, kinds: { ...ownKinds, ...kinds } };
}
