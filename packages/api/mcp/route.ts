import { Hono } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createMcpServer } from "./server.ts";

/**
 * Streamable HTTP without sessions: each request carries its key and is answered by a server of its own, so any process
 * can answer any of them.
 */
export const mcp = new Hono<Env>().all("/mcp", requireScope("read"), async (c) => {
  const { WebStandardStreamableHTTPServerTransport } = await import(
    "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"
  );
  const server = await createMcpServer(c.var.services, tenantOf(c));
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    const answer = await transport.handleRequest(c.req.raw);
    return c.body(answer.body as ReadableStream, answer.status as 200, Object.fromEntries(answer.headers));
  } finally {
    await server.close();
  }
});
