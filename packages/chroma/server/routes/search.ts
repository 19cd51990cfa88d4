import type { Env } from "@cairn/api/context.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { readBody } from "../request/body.ts";
import { encodePieces } from "../response/json.ts";
import { parseSearches } from "../search/request.ts";
import { runSearches } from "../search/run.ts";
import type { RouteOptions } from "./context.ts";
import { COLLECTION, readContext } from "./records.ts";

/** `search`, which a Chroma server on one node does not support. */
export function addSearchRoute(router: OpenAPIHono<Env>, options: RouteOptions): void {
  router.post(`${COLLECTION}/search`, async (c) => {
    const { services, signal } = c.var;
    const context = { ...(await readContext(c, options)), services, signal };
    const searches = parseSearches(await readBody(c));
    return c.body(await encodePieces(await runSearches(context, searches)), 200, {
      "Content-Type": "application/json",
    });
  });
}
