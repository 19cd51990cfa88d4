import { parseLargeJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { createTextReader } from "./read-text.ts";

const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Bodies are JSON, and numbers that a double does not hold are kept. One that nobody would read is refused. */
export const exactJson = createMiddleware<Env>(async (c, next) => {
  const type = c.req.header("Content-Type");
  const length = c.req.header("Content-Length");
  if (WITH_BODY.has(c.req.method) && !isEmpty(c) && !/^application\/json\s*(;|$)/i.test(type ?? ""))
    throw new HttpError("unsupported_media_type", "Send the body as Content-Type: application/json.", {
      path: "Content-Type",
    });
  // Unread, it would not say what is deleted: the collection named in it would not be the one.
  if (c.req.method === "DELETE" && (Number(length) > 0 || c.req.header("Transfer-Encoding") !== undefined))
    throw new AppError(
      "invalid_input",
      "A DELETE takes no body. Name the collection in the address, as in ?collection=policies.",
      { path: "body" },
    );
  if (mayBeLarge(c)) await c.var.place.large("write");
  const text = createTextReader(c.req);
  c.req.text = text;
  c.req.json = async () => (await parseLargeJson(await text())) as never;
  await next();
});

/** Refuses a request whose body is missing, for a route that takes one. */
export const requireBody = createMiddleware<Env>(async (c, next) => {
  if (isEmpty(c) || !/\S/.test(await c.req.text())) throw noBody();
  await next();
});

function isEmpty(c: Context<Env>): boolean {
  const length = c.req.header("Content-Length");
  return length === "0" || (length === undefined && !c.req.header("Transfer-Encoding") && !c.req.raw.body);
}

/** Bytes of a body from which on its request is one of the tenant's large ones. */
const LARGE_BODY = 100_000;

function mayBeLarge(c: Context<Env>): boolean {
  const length = c.req.header("Content-Length");
  return length === undefined ? WITH_BODY.has(c.req.method) && !isEmpty(c) : Number(length) > LARGE_BODY;
}

function noBody(): HttpError {
  return new HttpError(
    "malformed_json",
    "The body is empty. Send a JSON object as Content-Type: application/json.",
    { path: "body" },
  );
}
