import type { Env } from "@cairn/api/context.ts";
import { HttpError } from "@cairn/api/problem/http-error.ts";
import { createTextReader } from "@cairn/api/request/read-text.ts";
import { Semaphore } from "@cairn/api/request/semaphore.ts";
import { parseJson, parseLargeJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { ChromaError, undeserializable } from "../error.ts";

/** A JSON body whose fields are checked one by one. */
export type Body = Readonly<Record<string, unknown>>;

/** Bytes of a body above which its request counts as large. */
const LARGE_BODY_BYTES = 100_000;

/** Bytes of a body above which all tenants together send few at a time: a body takes ten times its size in memory. */
const HUGE_BODY_BYTES = 5_000_000;
const MAX_HUGE_BODIES = 4;

/** Reads bodies within the limits of the tenant and of the process. A missing Content-Type means JSON. */
export function createBodyReader({ queueTimeout = 20_000, deadline = 25_000 } = {}) {
  const huge = new Semaphore({
    limit: MAX_HUGE_BODIES,
    maxQueued: 64,
    timeout: queueTimeout,
    lifetime: 2 * deadline,
    refuse: () =>
      new AppError("tenant_busy", "The service already reads several requests of many megabytes. Retry this one.", {
        retryAfter: 1,
      }),
  });
  return createMiddleware<Env>(async (c, next) => {
    const type = c.req.header("Content-Type");
    if (type !== undefined && !/^application\/(\S+\+)?json\s*(;|$)/i.test(type) && c.req.method !== "GET")
      throw new HttpError("unsupported_media_type", "Send the body as Content-Type: application/json.");
    const length = Number(c.req.header("Content-Length") ?? (c.req.raw.body ? Number.POSITIVE_INFINITY : 0));
    if (length > LARGE_BODY_BYTES) await c.var.slot.acquireLarge("write");
    const release = length > HUGE_BODY_BYTES ? await huge.acquire(c.var.signal) : undefined;
    c.req.text = createTextReader(c.req);
    try {
      await next();
    } finally {
      release?.();
    }
  });
}

/** The body of a request as an object. `exactKeys`: fields whose numbers keep their notation, so that 1.0 stays distinct from 1. */
export async function readBody(c: Context<Env>, exactKeys: readonly string[] = []): Promise<Body> {
  return parseObject(await c.req.text(), exactKeys);
}

/** Like `readBody`, for the text of a body. */
export async function parseObject(text: string, exactKeys: readonly string[] = []): Promise<Body> {
  const body = await parseBody(text, exactKeys);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Body;
  throw undeserializable("", "invalid type: the body must be an object");
}

async function parseBody(text: string, exactKeys: readonly string[]): Promise<unknown> {
  try {
    if (exactKeys.length === 0 && text.length <= LARGE_BODY_BYTES) return parseJson(text);
    return await parseLargeJson(text, { exactKeys });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = `Failed to parse the request body as JSON: ${error.message}`;
    throw new ChromaError(400, "InvalidArgumentError", message, { cause: error });
  }
}
