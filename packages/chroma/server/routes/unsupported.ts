import type { Env } from "@cairn/api/context.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { ChromaError, unimplemented } from "../error.ts";
import { type RouteOptions, routeOf, viewOf } from "./context.ts";
import { COLLECTION } from "./records.ts";

/** Routes that a Chroma server on one node does not support either, with its answers. */
export function addUnsupportedRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  const refuse = (method: "get" | "post", path: string, error: () => ChromaError) =>
    router.on(method.toUpperCase(), `${COLLECTION}${path}`, async (c) => {
      await routeOf(c, viewOf(c, options, method === "get" ? "read" : "write"));
      throw error();
    });
  const functions = () =>
    unimplemented(
      `Tonic error: code: 'Operation is not implemented or not supported', message: " Attached Function operations not yet implemented in SqliteSysDb"`,
    );
  refuse("post", "/fork", () => unimplemented("Collection forking is unsupported for local chroma"));
  refuse("get", "/fork_count", () => unimplemented("Count forks is unsupported for local chroma"));
  refuse(
    "get",
    "/indexing_status",
    () => new ChromaError(500, "InternalError", "Method scout_logs is not implemented"),
  );
  refuse("post", "/functions/attach", functions);
  refuse("get", "/functions/:function_name", functions);
  refuse("post", "/attached_functions/:name/detach", functions);
}
