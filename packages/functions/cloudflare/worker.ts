import { flushUsage } from "../compose.ts";
import { runSchedule } from "../schedule.ts";
import { openService } from "./open-service.ts";
import { processBatch } from "./process-batch.ts";
import type { Context, Env, MessageBatch } from "./runtime.ts";

/** Time limit of scheduled work and of a batch of jobs. Cloudflare's limit is 15 minutes. */
const WORK_TIMEOUT_MS = 13 * 60_000;

/** The service on Cloudflare Workers: the API, its job queue, its schedule. */
export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const address = request.headers.get("CF-Connecting-IP") ?? undefined; // Cloudflare overwrites it
    const service = openService(env);
    const response = service.then(({ app }) => app.fetch(request, { address }, context));
    // Other requests may wait for what this one opens or reads, so it continues when its caller disconnects.
    context.waitUntil(response.then(async () => flushUsage(await service)).catch(() => {}));
    return response;
  },

  async queue(batch: MessageBatch, env: Env): Promise<void> {
    const service = await openService(env);
    const signal = AbortSignal.timeout(WORK_TIMEOUT_MS);
    await processBatch(service, batch, { signal, deadLetters: env.DEAD_JOBS });
  },

  async scheduled(_event: object, env: Env): Promise<void> {
    await runSchedule(await openService(env), WORK_TIMEOUT_MS);
  },
};
