import type { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { TrieRouter } from "hono/router/trie-router";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Tells which methods a path supports. A path without a route has none. */
export interface RouteTable {
  methods(path: string): readonly string[];
  has(method: string, path: string): boolean;
}

/** The routes of an app without its middleware. They are read at the first lookup, when all are registered. */
export function createRouteTable(app: Pick<Hono<Env>, "routes">): RouteTable {
  let table: { readonly router: TrieRouter<string>; readonly methods: readonly string[] } | undefined;
  function build() {
    const router = new TrieRouter<string>();
    const routes = app.routes.filter(({ path, method }) => !path.endsWith("*") && method !== "ALL");
    for (const { method, path } of routes) router.add(method, path, method);
    return { router, methods: [...new Set(routes.map(({ method }) => method))] };
  }
  function has(requested: string, path: string): boolean {
    table ??= build();
    const method = requested === "HEAD" ? "GET" : requested;
    return table.router.match(method, path)[0].length > 0;
  }
  return {
    has,
    methods(path) {
      table ??= build();
      const found = table.methods.filter((method) => has(method, path));
      return (found.includes("GET") ? [...found, "HEAD"] : found).toSorted();
    },
  };
}

/** Answers 404 or 405 if no route matches, before the body is read. */
export function requireRoute(table: RouteTable) {
  return createMiddleware<Env>(async (c, next) => {
    if (!table.has(c.req.method, c.req.path)) return c.notFound();
    await next();
  });
}

/** The error of a request without a matching route: 404 for an unknown path, 405 for a wrong method. */
export function routeError(table: RouteTable, { method, path }: { readonly method: string; readonly path: string }) {
  const allowed = table.has(method, path) ? [] : table.methods(path); // a matching route answered 404 itself, for example /docs/x
  if (allowed.length === 0)
    return new HttpError("not_found", "There is no such route. GET /openapi.json describes all routes.");
  const detail = `${method} is not allowed here. Allowed: ${allowed.join(", ")}.`;
  return new HttpError("method_not_allowed", detail, { allowed });
}
