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
  summary: "Check the process",
  tags,
  security: [],
  responses: { 200: jsonResponse(state, "The process responds."), ...problems() },
});

const ready = createRoute({
  method: "get",
  path: "/ready",
  operationId: "ready",
  summary: "Check the process and the database",
  tags,
  security: [],
  responses: { 200: jsonResponse(state, "The database responds."), ...problems() },
});

/** Milliseconds to wait for the database. */
const PROBE_TIMEOUT_MS = 5_000;

export function healthRoutes({ database }: Services) {
  let pending: Promise<unknown> | undefined; // concurrent requests share one statement
  const probe = () => {
    pending ??= withTimeLimit(database, PROBE_TIMEOUT_MS)
      .read([sql`SELECT 1`])
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };
  return createRouter()
    .openapi(health, (c) => reply(c, { status: "ok" as const }))
    .openapi(ready, async (c) => {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () =>
            reject(
              new AppError("database_unavailable", "The database does not respond. Try again later.", {
                retryAfter: 5,
              }),
            ),
          PROBE_TIMEOUT_MS,
        );
      });
      try {
        await Promise.race([probe(), timeout]);
      } finally {
        clearTimeout(timer);
      }
      return reply(c, { status: "ok" as const });
    });
}
