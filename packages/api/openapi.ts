import { stringifyJson } from "@cairn/core/database/json.ts";
import { encodeLargeJson, isShortJson } from "@cairn/core/database/write-json.ts";
import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context, Handler, MiddlewareHandler, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";
import type { Env } from "./context.ts";
import { HttpError } from "./problem/http-error.ts";
import { PROBLEMS, type ProblemCode } from "./problem.ts";
import { requireBody } from "./request/json-body.ts";

/**
 * Creates a router that validates requests against their schemas and reports the first error with its path. An unknown
 * parameter is an error: a misspelt `?colection=other` must not read the default collection.
 */
export function createRouter(): OpenAPIHono<Env> {
  const router = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      // A failed result has the input as well, though the type does not say so.
      if (!result.success) throw validationError(result.error, (result as { readonly data?: unknown }).data);
    },
  });
  const { openapi } = router;
  const strict = (route: RouteConfig, handler: Handler<Env>, hook?: never) =>
    openapi(withRequiredBody(route), refuseUnknownParameters(route, handler) as never, hook);
  router.openapi = strict as never;
  return router;
}

/** Adds a check for a missing body, which runs before the validation of fields. */
function withRequiredBody(route: RouteConfig): RouteConfig {
  if (!route.request?.body?.required) return route;
  const existing = route.middleware ?? [];
  return { ...route, middleware: [...(Array.isArray(existing) ? existing : [existing]), requireBody] };
}

/** Checks within the handler: a search has no parameters, and another middleware would cost it more than the check. */
function refuseUnknownParameters({ request }: RouteConfig, handler: Handler<Env>): Handler<Env> {
  const known = new Set(Object.keys((request?.query as z.ZodObject | undefined)?.shape ?? {}));
  return (c, next) => {
    const { url } = c.req;
    const start = url.indexOf("?");
    const names = start === -1 ? [] : [...new URLSearchParams(url.slice(start)).keys()];
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw unknownName("parameter", unknown, unknown);
    return handler(c, next);
  };
}

function validationError({ issues }: z.ZodError, input: unknown): HttpError {
  const issue = deepest(issues[0]);
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  const path = pathOf([...(issue?.path ?? []), ...keys.slice(0, 1)]);
  if (keys[0] !== undefined) return unknownName("field", keys[0], path);
  const value = showValue(valueAt(input, issue?.path ?? []));
  return invalid(path, `${issue?.message}.${value === undefined ? "" : ` It is ${value}.`}`);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

/** The value as text if it is short enough for a message, else undefined. */
function showValue(value: unknown): string | undefined {
  if (value === null || ["number", "bigint", "boolean"].includes(typeof value) || JSON.isRawJSON(value))
    return clip(stringifyJson(value));
  return typeof value === "string" && value.length <= MAX_SHOWN_LENGTH ? JSON.stringify(value) : undefined;
}

const MAX_SHOWN_LENGTH = 100;

function clip(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

function unknownName(kind: "field" | "parameter", name: string, path: string): HttpError {
  return invalid(path, `There is no ${kind} ${JSON.stringify(clip(name))} here.`);
}

/** An HttpError, because the path is in the API's terms already; paths of an AppError are translated. */
function invalid(path: string, detail: string): HttpError {
  return new HttpError("invalid_input", path ? `${path}: ${detail}` : detail, { path: path || undefined });
}

type Issue = z.core.$ZodIssue;

/** The issue to report. For a union, it comes from the branch whose error is deepest. */
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
    type: z.string().describe("A URN of the kind of problem."),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).describe("Stable, for programs."),
    detail: z.string().describe("What could not be done, why, and what to do; for people."),
    path: z.string().optional().describe("The invalid part of the request, for example documents[3].id."),
    request_id: z.string(),
  })
  .openapi("Problem", { description: "An error (RFC 9457)." });

type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504;
const COMMON = [400, 401, 403, 413, 429, 500, 503, 504] as const satisfies readonly ProblemStatus[];
const WITH_BODY = [415] as const satisfies readonly ProblemStatus[];

/** The error responses of a route: the common ones and `more`. */
export function problems(more: readonly ProblemStatus[] = [], { body = false } = {}) {
  const statuses = [...new Set([...COMMON, ...(body ? WITH_BODY : []), ...more])].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: describeStatus(status),
        content: { "application/problem+json": { schema: problemSchema } },
        ...(status === 429 || status === 503 ? { headers: RETRY_AFTER } : {}),
      },
    ]),
  ) as Record<never, never>; // not in the client's types, because it throws them
}

const RETRY_AFTER = z.object({ "Retry-After": z.string().describe("Seconds to wait before a retry.") });

function describeStatus(status: number): string {
  const kinds = Object.entries(PROBLEMS).filter(([, kind]) => kind.status === status);
  return kinds.map(([code, { title }]) => `\`${code}\`: ${title}.`).join(" ");
}

/** A JSON response that keeps integers beyond 2^53. It is recorded in the context for an `Idempotency-Key`. */
export function reply<T, Status extends ContentfulStatusCode = 200>(
  c: Context<Env>,
  body: T,
  status: Status = 200 as Status,
  more: Readonly<Record<string, string>> = {},
): Response & TypedResponse<JSONParsed<T>, Status, "json"> {
  const headers = { "Content-Type": "application/json", ...more };
  const text = stringifyJson(body);
  c.set("response", { status, headers, body: text });
  return c.body(text, status, headers) as never;
}

/** Like `reply`, for a response that may be large: it is encoded in time slices, and other requests run in between. */
export async function replyLarge<T extends Readonly<Record<string, unknown>>>(
  c: Context<Env>,
  body: T,
): Promise<Response & TypedResponse<JSONParsed<T>, 200, "json">> {
  const headers = { "Content-Type": "application/json" };
  const written = isShortJson(body) ? stringifyJson(body) : await encodeLargeJson(body);
  return c.body(written, 200, headers) as never;
}

/** A 204 response. */
export function replyNoContent(c: Context<Env>): Response & TypedResponse<null, 204, "body"> {
  c.set("response", { status: 204, headers: {}, body: "" });
  return c.body(null, 204);
}

/** A required JSON body of a request. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { content: { "application/json": { schema } }, required: true as const };
}

export function jsonResponse<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** What a route with a credential declares: its tag, and its middleware in order. */
export function secured(tag: string, ...middleware: MiddlewareHandler<Env>[]) {
  return { tags: [tag], security: [{ bearer: [] }], middleware };
}
