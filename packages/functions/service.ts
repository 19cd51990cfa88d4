import { createLog } from "@cairn/api/telemetry/log.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { VERSION } from "@cairn/core/version.ts";
import { composeService, type Service } from "./compose.ts";
import { createEmf } from "./emf.ts";
import { keep } from "./keep.ts";
import { linkedResource } from "./linked.ts";
import { openDatabase } from "./open-database.ts";
import { createSqsQueue } from "./queue.ts";
import { readSettings, type Settings } from "./settings.ts";

/** The service of this environment. */
export const openService = keep(open);

async function open(): Promise<Service> {
  const settings = readSettings(linkedResource, process.env);
  const queue = createSqsQueue(settings.jobsQueueUrl);
  const [database, migrations] = await Promise.all([openDatabase(settings), openMigrations(settings, queue)]);
  return composeService(settings, {
    database,
    queue,
    log: createLog(),
    observers: [createEmf()],
    ...migrations,
  });
}

/** Loaded while the database is waited for, so that a cold start is none the longer for it. */
async function openMigrations({ databaseUrl, chromaUrl, chromaToken }: Settings, queue: JobQueue) {
  const [{ MIGRATION, migrationRunner }, { migrationRoutes }] = await Promise.all([
    import("@cairn/chroma/service/job.ts"),
    import("@cairn/chroma/service/routes.ts"),
  ]);
  const source = chromaUrl ? { url: chromaUrl, token: chromaToken } : undefined;
  const databaseName = new URL(databaseUrl).host;
  return {
    kinds: source && { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) },
    operatorRoutes: [migrationRoutes({ queue, configured: source !== undefined })],
  };
}
