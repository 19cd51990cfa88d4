import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { sql } from "drizzle-orm";
import { createRouter, jsonResponse, problems, reply } from "../openapi.ts";

const tags = ["Health"];
const state = z.object({ status: z.literal("ok") });

const health = createRoute({
  method: "get",
  path: "/health",
  operationId: "health",
  summary: "Whether the process answers",
  tags,
  security: [],
  responses: { 200: jsonResponse(state, "It does."), ...problems() },
});

const ready = createRoute({
  method: "get",
  path: "/ready",
  operationId: "ready",
  summary: "Whether the database answers, too",
  tags,
  security: [],
  responses: { 200: jsonResponse(state, "It does."), ...problems() },
});

/** Milliseconds to wait for the database. */
const PROBE_TIMEOUT_MS = 5_000;

export function healthRoutes({ database }: Services) {
  let asking: Promise<unknown> | undefined; // one statement at once, however many ask
  const ask = () => {
    asking ??= withTimeLimit(database, PROBE_TIMEOUT_MS)
      .read([sql`SELECT 1`])
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  return createRouter()
    .openapi(health, (c) => reply(c, { status: "ok" as const }))
    .openapi(ready, async (c) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () =>
            reject(new AppError("database_unavailable", "The database does not answer.", { retryAfter: 5 })),
          PROBE_TIMEOUT_MS,
        );
      });
      try {
        await Promise.race([ask(), late]);
      } finally {
        clearTimeout(timer);
      }
      return reply(c, { status: "ok" as const });
    });
}
