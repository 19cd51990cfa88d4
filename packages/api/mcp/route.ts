import { Hono } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { HttpError } from "../problem.ts";
import type { Log } from "../telemetry/log.ts";
import { createMcpServer } from "./server.ts";

/**
 * Streamable HTTP without sessions: each request carries its key and is answered by a server of its own, so any process
 * can answer any of them. There is nothing to listen to and no session to end: a stream that GET opened would close at
 * once, and clients would ask for another every second.
 */
export function mcpRoutes({ log }: { readonly log: Log | undefined }) {
  return new Hono<Env>()
    .post("/mcp", requireScope("read"), async (c) => {
      const { WebStandardStreamableHTTPServerTransport } = await import(
        "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"
      );
      const { services, signal, requestId, facts } = c.var;
      const server = await createMcpServer(services, tenantOf(c), {
        signal,
        requestId,
        onRows: (rows) => {
          facts.rows = (facts.rows ?? 0) + rows; // one request may call several tools
        },
        onFailure: (error) => log?.failure(error, { request_id: requestId }),
      });
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
      await server.connect(transport);
      try {
        const answer = await transport.handleRequest(c.req.raw);
        return c.body(
          answer.body as ReadableStream,
          answer.status as 200,
          Object.fromEntries(answer.headers),
        );
      } finally {
        await server.close();
      }
    })
    .all("/mcp", (c) => {
      c.header("Allow", "POST");
      throw new HttpError("method_not_allowed", "This takes POST alone: a message of MCP as its body.");
    });
}
