import { createLog } from "@cairn/api/telemetry/log.ts";
import { chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { namespaceRoutes } from "@cairn/chroma/service/namespaces/routes.ts";
import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import { connectNeon } from "@cairn/core/database/neon.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { composeService, type Service } from "../compose.ts";
import { openOnce } from "../open-once.ts";
import { readSettings, readTable } from "../settings.ts";
import type { Env } from "./runtime.ts";

/** The service of this isolate, opened by the first call. */
export const openService = openOnce(open);

async function open(env: Env): Promise<Service> {
  const bindings = Object.fromEntries(
    Object.entries(env)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => [name, String(value)]),
  );
  const resource = (name: string) => bindings[name];
  const settings = readSettings(resource, bindings);
  const { chromaMaxBody: maxBody } = readTable(CHROMA_SETTINGS, resource, bindings);
  const database = connectNeon({
    url: settings.databaseUrl,
    directUrl: settings.databaseDirectUrl,
    keepConnections: false, // a socket cannot outlive the request that opened it
  });
  await assertIsolation(database);
  return composeService(settings, {
    database,
    queue: { send: (job) => env.JOBS.send(job) },
    protocols: [chromaProtocol({ maxBody, maxResponse: settings.maxResponse })],
    log: createLog({ write: (line) => console.log(line.trimEnd()) }),
    operatorRoutes: [namespaceRoutes()],
    namespaces: createNamespaceResolver(),
    console: (name) => readAsset(env, name),
  });
}

/** Reads a file of the console. Undefined: there is none. */
async function readAsset({ ASSETS }: Env, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await ASSETS.fetch(`https://assets.invalid/${name}`); // the binding ignores the host
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
}
