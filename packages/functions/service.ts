import { createLog } from "@cairn/api/telemetry/log.ts";
import { connectServer } from "@cairn/core/database/connect-server.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { VERSION } from "@cairn/core/version.ts";
import { composeService, type Service } from "./compose.ts";
import { createEmf } from "./emf.ts";
import { linkedResource } from "./linked.ts";
import { createSqsQueue } from "./queue.ts";
import { readSettings, type Settings } from "./settings.ts";

let opening: Promise<Service> | undefined;

/** The service of this environment: opened by its first event, kept for the next ones, and tried again where that failed. */
export function openService(): Promise<Service> {
  opening ??= open().catch((error) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

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

async function openDatabase({ databaseUrl, databaseDirectUrl, databaseDriver }: Settings): Promise<Database> {
  const database = await connectServer({
    url: databaseUrl,
    directUrl: databaseDirectUrl,
    driver: databaseDriver,
    connections: 4, // an environment answers one request at a time
  });
  try {
    await assertIsolation(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
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
