import type { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { TrieRouter } from "hono/router/trie-router";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Which methods a path has; none where there is no such route. */
export interface RouteTable {
  methods(path: string): readonly string[];
  has(method: string, path: string): boolean;
}

/** The routes of an app by their paths, without its middlewares. Read when it is first asked, when all are there. */
export function createRouteTable(app: Pick<Hono<Env>, "routes">): RouteTable {
  let known: { readonly router: TrieRouter<string>; readonly methods: readonly string[] } | undefined;
  function read() {
    const router = new TrieRouter<string>();
    const routes = app.routes.filter(({ path, method }) => !path.endsWith("*") && method !== "ALL");
    for (const { method, path } of routes) router.add(method, path, method);
    return { router, methods: [...new Set(routes.map(({ method }) => method))] };
  }
  function has(asked: string, path: string): boolean {
    known ??= read();
    const method = asked === "HEAD" ? "GET" : asked; // a GET without its body
    return known.router.match(method, path)[0].length > 0;
  }
  return {
    has,
    methods(path) {
      known ??= read();
      const found = known.methods.filter((method) => has(method, path));
      return (found.includes("GET") ? [...found, "HEAD"] : found).toSorted();
    },
  };
}

/** Answers 404 or 405 where there is no such route, before anything of the request's body is looked at. */
export function requireRoute(table: RouteTable) {
  return createMiddleware<Env>(async (c, next) => {
    if (!table.has(c.req.method, c.req.path)) return c.notFound();
    await next();
  });
}

/** What is wrong with a request that no route takes: its path or only its method. */
export function noRoute(
  table: RouteTable,
  { method, path }: { readonly method: string; readonly path: string },
) {
  const allowed = table.has(method, path) ? [] : table.methods(path); // a route that has nothing there, as /docs/x
  if (allowed.length === 0)
    return new HttpError("not_found", "There is no such route. GET /openapi.json describes those there are.");
  return new HttpError("method_not_allowed", `${method} is not allowed here: ${allowed.join(", ")} is.`, {
    allowed,
  });
}
