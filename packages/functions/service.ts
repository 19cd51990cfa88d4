import { type Api, createApp } from "@cairn/api/app.ts";
import { createJobKinds } from "@cairn/api/jobs.ts";
import { createLog, type Log } from "@cairn/api/telemetry/log.ts";
import { MIGRATION, migrationRunner } from "@cairn/chroma/service/job.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { connectServer } from "@cairn/core/database/connect-server.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import type { Services } from "@cairn/core/services.ts";
import { VERSION } from "@cairn/core/version.ts";
import { createEmf } from "./emf.ts";
import { createSqsQueue } from "./queue.ts";
import { linkedResource, readSettings, type Settings } from "./settings.ts";

export interface Service {
  readonly services: Services;
  readonly settings: Settings;
  readonly queue: JobQueue;
  readonly kinds: JobKinds;
  readonly log: Log;
  readonly app: Api;
}

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
  const { databaseUrl, databaseDirectUrl, databaseDriver, openaiApiKey, openaiBaseUrl, chatModel } = settings;
  const database = await connectServer({
    url: databaseUrl,
    directUrl: databaseDirectUrl,
    driver: databaseDriver,
    connections: 4, // an environment answers one request at a time
  });
  await assertIsolation(database);
  const openai =
    openaiApiKey || openaiBaseUrl ? { apiKey: openaiApiKey ?? "none", baseUrl: openaiBaseUrl } : undefined;
  const embedders = createEmbedders({
    openai,
    defaultModel: settings.embeddingModel,
    defaultDimensions: settings.embeddingDimensions,
  });
  const services = { database, embedders };
  const log = createLog();
  const { embeddingTokensPerDay, requestsPerMinute, chromaUrl, chromaToken, jobsQueueUrl } = settings;
  const source = chromaUrl ? { url: chromaUrl, token: chromaToken } : undefined;
  const databaseName = new URL(databaseUrl).host;
  const kinds = {
    ...createJobKinds({ embeddingTokensPerDay }),
    ...(source && { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) }),
  };
  const queue = createSqsQueue(jobsQueueUrl);
  const app = createApp(services, {
    queue,
    log,
    embeddingTokensPerDay,
    requestsPerMinute,
    chatModel: chatModel && openai ? createChatModel({ model: chatModel, ...openai }) : undefined,
    corsOrigins: settings.corsOrigins?.split(",").map((origin) => origin.trim()),
    observers: [createEmf()],
    operatorRoutes: [migrationRoutes({ queue, configured: source !== undefined })],
  });
  return { services, settings, queue, kinds, log, app };
}
