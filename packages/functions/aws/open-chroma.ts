import { chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import { cutoverRoutes } from "@cairn/chroma/service/cutover/routes.ts";
import { migrationJobKinds } from "@cairn/chroma/service/job.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { namespaceRoutes } from "@cairn/chroma/service/namespaces/routes.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { VERSION } from "@cairn/core/version.ts";
import { readTable, type Settings } from "../settings.ts";
import { linkedResource } from "./linked-resource.ts";

/** Chroma's API, namespaces, and the routes and jobs of the migration and of the cut-over. */
export function openChroma({ databaseUrl, maxResponse }: Settings, queue: JobQueue) {
  const { chromaUrl, chromaToken, chromaMaxBody: maxBody } = readTable(CHROMA_SETTINGS, linkedResource, process.env);
  const source = chromaUrl ? { url: chromaUrl, token: chromaToken } : undefined;
  const databaseName = new URL(databaseUrl).host;
  return {
    kinds: source && migrationJobKinds({ source, databaseName, cairnVersion: VERSION }),
    operatorRoutes: [migrationRoutes({ queue, sourceUrl: source?.url }), namespaceRoutes(), cutoverRoutes()],
    namespaces: createNamespaceResolver(),
    protocols: [chromaProtocol({ maxBody, maxResponse })],
  };
}
