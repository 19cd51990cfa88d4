import type { Env } from "@cairn/api/context.ts";
import { createRouter } from "@cairn/api/openapi.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { ChromaError } from "../error.ts";
import { type RouteOptions, viewOf } from "./context.ts";

/** Maximum records of a batch, as a Chroma server limits it. */
const MAX_BATCH_RECORDS = 5_461;

/** Bytes of a record of 1,536 numbers in JSON with a text, by which the size of batches is limited. */
const RECORD_BYTES = 7_680;

/** Routes that anybody may call. */
export function publicRoutes({ maxBody }: Pick<RouteOptions, "maxBody">): OpenAPIHono<Env> {
  const router = createRouter();
  const heartbeat = () => ({ "nanosecond heartbeat": JSON.rawJSON(String(BigInt(Date.now()) * 1_000_000n)) });
  const batch = Math.min(MAX_BATCH_RECORDS, Math.floor(maxBody / RECORD_BYTES));
  router.get("/api/v2", (c) => c.json(heartbeat()));
  router.get("/api/v2/heartbeat", (c) => c.json(heartbeat()));
  router.get("/api/v2/version", (c) => c.json("1.0.0"));
  router.get("/api/v2/healthcheck", (c) => c.json({ is_executor_ready: true, is_log_client_ready: true }));
  router.get("/api/v2/pre-flight-checks", (c) => c.json({ max_batch_size: batch, supports_base64_encoding: true }));
  router.get("/api/v1/*", (c) =>
    c.json({ error: "Unimplemented", message: "The v1 API is deprecated. Please use /v2 apis" }, 410),
  );
  router.all("/api/v1/*", (c) => c.body(null, 405));
  return router;
}

export function addSystemRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  router.get("/api/v2/auth/identity", async (c) => {
    const { tenant, databases } = await viewOf(c, options, "read").identity();
    return c.json({ user_id: "", tenant, databases });
  });
  router.post("/api/v2/reset", async (c) => {
    if (!options.allowReset)
      throw new ChromaError(
        403,
        "ChromaError",
        "Resetting is disabled. The operator allows it with --chroma-allow-reset.",
      );
    await viewOf(c, options, "write").reset();
    return c.json(true);
  });
}
