import { createLog } from "@cairn/api/telemetry/log.ts";
import { connectNeon } from "@cairn/core/database/neon.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { composeService, type Service } from "../compose.ts";
import { openOnce } from "../open-once.ts";
import { processMessage } from "../process-message.ts";
import { runSchedule } from "../schedule.ts";
import { readSettings } from "../settings.ts";
import type { Context as CloudflareContext, Env, MessageBatch } from "./runtime.ts";

/** Time limit of scheduled work and of a batch of jobs. Cloudflare's limit is 15 minutes. */
const WORK_TIMEOUT_MS = 13 * 60_000;

const openService = openOnce(open);

async function open(env: Env): Promise<Service> {
  const bindings = Object.fromEntries(
    Object.entries(env)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => [name, String(value)]),
  );
  const settings = readSettings((name) => bindings[name], bindings);
  const database = connectNeon({
    url: settings.databaseUrl,
    directUrl: settings.databaseDirectUrl,
    keepConnections: false, // a socket cannot outlive the request that opened it
  });
  await assertIsolation(database);
  return composeService(settings, {
    database,
    queue: { send: (job) => env.JOBS.send(job) },
    log: createLog({ write: (line) => console.log(line.trimEnd()) }),
  });
}

/** The service on Cloudflare Workers: the API, its job queue, its schedule. */
export default {
  async fetch(request: Request, env: Env, context: CloudflareContext): Promise<Response> {
    const address = request.headers.get("CF-Connecting-IP") ?? undefined; // Cloudflare overwrites it
    const response = openService(env).then(({ app }) => app.fetch(request, { address }, context));
    // Other requests may wait for what this one opens or reads, so it continues when its caller disconnects.
    context.waitUntil(response.catch(() => {}));
    return response;
  },

  async queue({ messages }: MessageBatch, env: Env): Promise<void> {
    const service = await openService(env);
    const signal = AbortSignal.timeout(WORK_TIMEOUT_MS);
    for (const message of messages)
      try {
        const { body, attempts } = message;
        await processMessage(service, { body, attempt: attempts, signal }, (letter) =>
          env.DEAD_JOBS.send(letter),
        );
        message.ack();
      } catch (error) {
        service.log.failure(error, { about: "a job's message", message: message.id });
        message.retry({ delaySeconds: 30 });
      }
  },

  async scheduled(_event: object, env: Env): Promise<void> {
    await runSchedule(await openService(env), WORK_TIMEOUT_MS);
  },
};
