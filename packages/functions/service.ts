import { createLog } from "@cairn/api/telemetry/log.ts";
import { MIGRATION, migrationRunner } from "@cairn/chroma/service/job.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { connectServer } from "@cairn/core/database/connect-server.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { VERSION } from "@cairn/core/version.ts";
import { composeService, type Service } from "./compose.ts";
import { createEmf } from "./emf.ts";
import { linkedResource } from "./linked.ts";
import { createSqsQueue } from "./queue.ts";
import { readSettings } from "./settings.ts";

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
  const { databaseUrl, databaseDirectUrl, databaseDriver, chromaUrl, chromaToken, jobsQueueUrl } = settings;
  const database = await connectServer({
    url: databaseUrl,
    directUrl: databaseDirectUrl,
    driver: databaseDriver,
    connections: 4, // an environment answers one request at a time
  });
  await assertIsolation(database);
  const queue = createSqsQueue(jobsQueueUrl);
  const source = chromaUrl ? { url: chromaUrl, token: chromaToken } : undefined;
  const databaseName = new URL(databaseUrl).host;
  return composeService(settings, {
    database,
    queue,
    log: createLog(),
    kinds: source && { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) },
    observers: [createEmf()],
    operatorRoutes: [migrationRoutes({ queue, configured: source !== undefined })],
  });
}
