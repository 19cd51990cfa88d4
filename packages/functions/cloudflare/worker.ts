import { createLog } from "@cairn/api/telemetry/log.ts";
import { connectNeon } from "@cairn/core/database/neon.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { composeService, type Service } from "../compose.ts";
import { deliver } from "../deliver.ts";
import { keep } from "../keep.ts";
import { runSchedule } from "../schedule.ts";
import { readSettings } from "../settings.ts";
import type { Context as CloudflareContext, Env, MessageBatch } from "./runtime.ts";

/** Milliseconds of Cloudflare's 15 minutes that a schedule or a batch of jobs may take. */
const QUEUE_TIMEOUT_MS = 13 * 60_000;

const openService = keep(open);

async function open(env: Env): Promise<Service> {
  const texts = Object.fromEntries(
    Object.entries(env)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => [name, String(value)]),
  );
  const settings = readSettings((name) => texts[name], texts);
  const database = connectNeon({
    url: settings.databaseUrl,
    directUrl: settings.databaseDirectUrl,
    keepConnections: false, // a socket is the request's that opened it
  });
  await assertIsolation(database);
  return composeService(settings, {
    database,
    queue: { send: (job) => env.JOBS.send(job) },
    log: createLog({ write: (line) => console.log(line.trimEnd()) }),
  });
}

/** The service on Cloudflare: the API, its jobs through a queue, its schedule. */
export default {
  async fetch(request: Request, env: Env, context: CloudflareContext): Promise<Response> {
    const address = request.headers.get("CF-Connecting-IP") ?? undefined; // Cloudflare's own, whatever a caller sends
    const answering = openService(env).then(({ app }) => app.fetch(request, { address }, context));
    // Others may wait for what this request opens or looks up: it goes on where its caller hangs up.
    context.waitUntil(answering.catch(() => {}));
    return answering;
  },

  async queue({ messages }: MessageBatch, env: Env): Promise<void> {
    const service = await openService(env);
    const signal = AbortSignal.timeout(QUEUE_TIMEOUT_MS);
    for (const message of messages)
      try {
        const { body, attempts } = message;
        await deliver(service, { body, attempt: attempts, signal }, (letter) => env.DEAD_JOBS.send(letter));
        message.ack();
      } catch (error) {
        service.log.failure(error, { about: "a job's message", message: message.id });
        message.retry({ delaySeconds: 30 });
      }
  },

  async scheduled(_event: object, env: Env): Promise<void> {
    await runSchedule(await openService(env), QUEUE_TIMEOUT_MS);
  },
};
