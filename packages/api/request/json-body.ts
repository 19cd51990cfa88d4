import { parseLargeJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { FILE_ROUTES } from "./file-routes.ts";
import { readMultipart } from "./multipart.ts";
import { createTextReader } from "./read-text.ts";

const METHODS_WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Reads the body of a request: files, or JSON. */
export const readBody = createMiddleware<Env>(async (c, next) => {
  if (!FILE_ROUTES.has(c.req.path)) return readJsonBody(c, next);
  await readMultipart(c);
  await next();
});

/** Reads bodies as JSON and keeps numbers that a double cannot represent. Refuses other types and bodies of DELETE. */
const readJsonBody = createMiddleware<Env>(async (c, next) => {
  const type = c.req.header("Content-Type");
  const length = c.req.header("Content-Length");
  const isJson = /^application\/json\s*(;|$)/i.test(type ?? "");
  if (METHODS_WITH_BODY.has(c.req.method) && !isEmpty(c) && !isJson)
    throw new HttpError("unsupported_media_type", "Send the body as Content-Type: application/json.", {
      path: "Content-Type",
    });
  // Ignoring the body could delete from the wrong collection, if the body names another one.
  if (c.req.method === "DELETE" && (Number(length) > 0 || c.req.header("Transfer-Encoding") !== undefined))
    throw new AppError(
      "invalid_input",
      "A DELETE request takes no body. Name the collection in the query string: ?collection=policies.",
      { path: "body" },
    );
  if (mayBeLarge(c)) await c.var.slot.acquireLarge("write");
  const text = createTextReader(c.req);
  c.req.text = text;
  c.req.json = async () => (await parseLargeJson(await text())) as never;
  await next();
});

/** Refuses a request without a body, for a route that requires one. */
export const requireBody = createMiddleware<Env>(async (c, next) => {
  if (isEmpty(c) || !/\S/.test(await c.req.text())) throw emptyBody();
  await next();
});

function isEmpty(c: Context<Env>): boolean {
  const length = c.req.header("Content-Length");
  return length === "0" || (length === undefined && !c.req.header("Transfer-Encoding") && !c.req.raw.body);
}

/** Bytes of a body above which its request counts as large. */
const LARGE_BODY_BYTES = 100_000;

function mayBeLarge(c: Context<Env>): boolean {
  const length = c.req.header("Content-Length");
  return length === undefined ? METHODS_WITH_BODY.has(c.req.method) && !isEmpty(c) : Number(length) > LARGE_BODY_BYTES;
}

function emptyBody(): HttpError {
  return new HttpError("malformed_json", "The body is empty. Send a JSON object as Content-Type: application/json.", {
    path: "body",
  });
}
