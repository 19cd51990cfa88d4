import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { FILE_ROUTES } from "./file-routes.ts";

/** Refuses bodies of more than `maxBody` bytes, for routes whose body is files of more than `maxUpload`. */
export function limitBodies({ maxBody, maxUpload }: { readonly maxBody: number; readonly maxUpload?: number }) {
  const limit = limitBody(maxBody, "Send documents in several requests.");
  if (maxUpload === undefined) return limit;
  const limitUpload = limitBody(maxUpload, "Send fewer files, or split them.");
  return createMiddleware<Env>((c, next) => (FILE_ROUTES.has(c.req.path) ? limitUpload : limit)(c, next));
}

/**
 * Refuses bodies of more than `maxSize` bytes. If the request has a Content-Length, only that is checked, because the
 * server enforces it. Counting the body, as Hono's own limit does, costs a quarter of a millisecond on Node.
 */
function limitBody(maxSize: number, remedy: string) {
  const tooLarge = () => {
    throw new HttpError("body_too_large", `The body has more than the maximum of ${maxSize} bytes. ${remedy}`);
  };
  const countBytes = bodyLimit({ maxSize, onError: tooLarge });
  return createMiddleware<Env>(async (c, next) => {
    const length = c.req.header("Content-Length");
    if (length === undefined || c.req.header("Transfer-Encoding") !== undefined) return countBytes(c, next);
    if (!(Number(length) <= maxSize)) tooLarge();
    await next();
  });
}
