import { createLog } from "@cairn/api/telemetry/log.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { ReadFile } from "@cairn/files/to-json.ts";
import { composeService, type Service } from "../compose.ts";
import { openOnce } from "../open-once.ts";
import { readSettings, readTable, type Settings } from "../settings.ts";
import { createEmf } from "./emf.ts";
import { linkedResource } from "./linked-resource.ts";
import { openDatabase } from "./open-database.ts";
import { createSqsQueue } from "./sqs-queue.ts";

/** The service of this execution environment, opened by the first call. */
export const openService = openOnce(open);

async function open(): Promise<Service> {
  const settings = readSettings(linkedResource, process.env);
  const queue = createSqsQueue(settings.jobsQueueUrl);
  const [database, chroma] = await Promise.all([openDatabase(settings), openChroma(settings, queue)]);
  return composeService(settings, {
    database,
    queue,
    log: createLog(),
    observers: [createEmf()],
    ...chroma,
  });
}

/** Chroma's API, namespaces, the cut-over and the migration's routes and jobs, loaded while the database opens, so that they do not lengthen a cold start. */
async function openChroma({ databaseUrl, maxResponse }: Settings, queue: JobQueue) {
  const [
    { MIGRATION, migrationRunner },
    { migrationRoutes },
    { CHROMA_SETTINGS },
    { chromaProtocol },
    resolver,
    routes,
    cutover,
  ] = await Promise.all([
    import("@cairn/chroma/service/job.ts"),
    import("@cairn/chroma/service/routes.ts"),
    import("@cairn/chroma/service/settings.ts"),
    import("@cairn/chroma/server/protocol.ts"),
    import("@cairn/chroma/service/namespaces/resolver.ts"),
    import("@cairn/chroma/service/namespaces/routes.ts"),
    import("@cairn/chroma/service/cutover/routes.ts"),
  ]);
  const { chromaUrl, chromaToken, chromaMaxBody: maxBody } = readTable(CHROMA_SETTINGS, linkedResource, process.env);
  const source = chromaUrl ? { url: chromaUrl, token: chromaToken } : undefined;
  const databaseName = new URL(databaseUrl).host;
  return {
    kinds: source && { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) },
    operatorRoutes: [
      migrationRoutes({ queue, configured: source !== undefined }),
      routes.namespaceRoutes(),
      cutover.cutoverRoutes(),
    ],
    namespaces: resolver.createNamespaceResolver(),
    readFile,
    protocols: [chromaProtocol({ maxBody, maxResponse })],
  };
}

/** Reads a file in this process: an execution environment serves one request at a time, and its memory and time are limited. */
const readFile: ReadFile = async (file) => {
  const [{ fileToJson }, { extract }] = await Promise.all([
    import("@cairn/files/to-json.ts"),
    import("@cairn/files/convert/extract.ts"),
  ]);
  return fileToJson(file, extract);
};
