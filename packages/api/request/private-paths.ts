import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Paths that need no key and tell about the service, as patterns. */
export const PRIVATE_PATHS = ["/metrics", "/docs/*", "/openapi.json"];

/** Answers 404 to every method if the request arrived at a public address next to a private one. */
export const requirePrivateAddress = createMiddleware<Env>(async (c, next) => {
  if (c.env?.hidesPrivatePaths) throw new HttpError("not_found", "There is no such route at this address.");
  await next();
});
