import { stringifyJson } from "@cairn/core/database/json.ts";
import { encodeLargeJson, isShortJson } from "@cairn/core/database/write-json.ts";
import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context, Handler, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";
import type { Env } from "./context.ts";
import { HttpError } from "./problem/http-error.ts";
import { PROBLEMS, type ProblemCode } from "./problem.ts";
import { requireBody } from "./request/exact-json.ts";

/**
 * A router whose requests are checked against their schemas; the first fault is named with its path. A parameter that
 * the route does not describe is one: a misspelt `?colection=other` is not a request about the default collection.
 */
export function createRouter(): OpenAPIHono<Env> {
  const router = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      // What was given comes with a failure, too, though the type does not say so.
      if (!result.success) throw fault(result.error, (result as { readonly data?: unknown }).data);
    },
  });
  const { openapi } = router;
  const strict = (route: RouteConfig, handler: Handler<Env>, hook?: never) =>
    openapi(requiringBody(route), refusingStrays(route, handler) as never, hook);
  router.openapi = strict as never;
  return router;
}

/** A route that takes a body says so of a request without one, before its fields are looked for. */
function requiringBody(route: RouteConfig): RouteConfig {
  if (!route.request?.body?.required) return route;
  const own = route.middleware ?? [];
  return { ...route, middleware: [...(Array.isArray(own) ? own : [own]), requireBody] };
}

/** Within the handler: a search has no parameters, and one more middleware would cost it more than the look. */
function refusingStrays({ request }: RouteConfig, handler: Handler<Env>): Handler<Env> {
  const known = new Set(Object.keys((request?.query as z.ZodObject | undefined)?.shape ?? {}));
  return (c, next) => {
    const { url } = c.req;
    const start = url.indexOf("?");
    const given = start === -1 ? [] : [...new URLSearchParams(url.slice(start)).keys()];
    const stray = given.find((name) => !known.has(name));
    if (stray !== undefined) throw noSuch("parameter", stray, stray);
    return handler(c, next);
  };
}

function fault({ issues }: z.ZodError, given: unknown): HttpError {
  const issue = deepest(issues[0]);
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  const path = pathOf([...(issue?.path ?? []), ...keys.slice(0, 1)]);
  if (keys[0] !== undefined) return noSuch("field", keys[0], path);
  const value = showValue(valueAt(given, issue?.path ?? []));
  return invalid(path, `${issue?.message}.${value === undefined ? "" : ` It is ${value}.`}`);
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    given,
  );
}

/** A value that is short enough to be told; undefined: it is not, or there is none. */
function showValue(value: unknown): string | undefined {
  if (value === null || ["number", "bigint", "boolean"].includes(typeof value) || JSON.isRawJSON(value))
    return clip(stringifyJson(value));
  return typeof value === "string" && value.length <= MAX_SHOWN_LENGTH ? JSON.stringify(value) : undefined;
}

const MAX_SHOWN_LENGTH = 100;

function clip(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

function noSuch(kind: "field" | "parameter", name: string, path: string): HttpError {
  return invalid(path, `There is no ${kind} ${JSON.stringify(clip(name))} here.`);
}

/** Its path is as the caller wrote it, and so no error of the domain, whose option names are translated. */
function invalid(path: string, what: string): HttpError {
  return new HttpError("invalid_input", path ? `${path}: ${what}` : what, { path: path || undefined });
}

type Issue = z.core.$ZodIssue;

/** Of a union, the branch that came farthest says most. */
function deepest(issue: Issue | undefined): Issue | undefined {
  if (issue?.code !== "invalid_union") return issue;
  const branches = issue.errors.flatMap((errors) => errors.slice(0, 1));
  const best = branches.toSorted((a, b) => b.path.length - a.path.length)[0];
  if (!best || best.path.length === 0) return issue;
  return deepest({ ...best, path: [...issue.path, ...best.path] });
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

const problemSchema = z
  .object({
    type: z.string().describe("A name for the kind of problem."),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).describe("Stable; for programs."),
    detail: z.string().describe("What could not be done, why, and the way out; for people."),
    path: z.string().optional().describe("Where in the request the fault is, as in documents[3].id."),
    request_id: z.string(),
  })
  .openapi("Problem", { description: "RFC 9457." });

type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504;
const EVERYWHERE = [400, 401, 403, 413, 429, 500, 503, 504] as const satisfies readonly ProblemStatus[];
const WITH_BODY = [415] as const satisfies readonly ProblemStatus[];

/** The errors that a route may answer with, beside those that any may. */
export function problems(more: readonly ProblemStatus[] = [], { body = false } = {}) {
  const statuses = [...new Set([...EVERYWHERE, ...(body ? WITH_BODY : []), ...more])].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: describeStatus(status),
        content: { "application/problem+json": { schema: problemSchema } },
        ...(status === 429 || status === 503 ? { headers: RETRY_AFTER } : {}),
      },
    ]),
  ) as Record<never, never>; // kept out of the client's types: it throws them
}

const RETRY_AFTER = z.object({ "Retry-After": z.string().describe("Seconds to wait.") });

function describeStatus(status: number): string {
  const kinds = Object.entries(PROBLEMS).filter(([, kind]) => kind.status === status);
  return kinds.map(([code, { title }]) => `\`${code}\`: ${title}.`).join(" ");
}

/** An answer of JSON that keeps integers beyond 2^53. It is noted with the request, for an `Idempotency-Key`. */
export function reply<T, Status extends ContentfulStatusCode = 200>(
  c: Context<Env>,
  body: T,
  status: Status = 200 as Status,
  more: Readonly<Record<string, string>> = {},
): Response & TypedResponse<JSONParsed<T>, Status, "json"> {
  const headers = { "Content-Type": "application/json", ...more };
  const text = stringifyJson(body);
  c.set("answer", { status, headers, body: text });
  return c.body(text, status, headers) as never;
}

/** `reply` for a response that may be long: then it is written in turns, and other requests are answered in between. */
export async function replyLong<T extends Readonly<Record<string, unknown>>>(
  c: Context<Env>,
  body: T,
): Promise<Response & TypedResponse<JSONParsed<T>, 200, "json">> {
  const headers = { "Content-Type": "application/json" };
  const written = isShortJson(body) ? stringifyJson(body) : await encodeLargeJson(body);
  return c.body(written, 200, headers) as never;
}

/** The answer where nothing is left to say. */
export function replyGone(c: Context<Env>): Response & TypedResponse<null, 204, "body"> {
  c.set("answer", { status: 204, headers: {}, body: "" });
  return c.body(null, 204);
}

/** A request's body of JSON. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { content: { "application/json": { schema } }, required: true as const };
}

export function jsonResponse<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } };
}

export const BEARER = [{ bearer: [] }];
