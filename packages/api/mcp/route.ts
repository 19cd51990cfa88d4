import { parseLargeJson } from "@cairn/core/database/json.ts";
import { Hono } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import type { Log } from "../telemetry/log.ts";

/** Maximum messages of a batch. Each counts as a request, and they run one after the other. */
const MAX_BATCH = 20;

/**
 * Serves MCP over Streamable HTTP without sessions. Each request carries its key and gets a server of its own, so any
 * process can answer it. There is no GET and no DELETE: a stream opened by GET would close immediately, and clients would
 * reconnect every second.
 */
export function mcpRoutes({ log }: { readonly log: Log | undefined }) {
  return new Hono<Env>().post("/mcp", requireScope("read"), async (c) => {
    // Imported on first use: a service without MCP requests does not load it.
    const [{ WebStandardStreamableHTTPServerTransport }, { createMcpServer }] = await Promise.all([
      import("@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"),
      import("./server.ts"),
    ]);
    const { services, signal, requestId, usage, maxResponse: maxBytes } = c.var;
    const text = await c.req.text();
    const parsedBody = await parseMessages(text);
    if (Array.isArray(parsedBody)) await c.var.charge(countBatch(parsedBody));
    const server = await createMcpServer(services, tenantOf(c), {
      signal,
      requestId,
      sequential: true,
      maxBytes,
      onRows: (rows) => {
        usage.rows = (usage.rows ?? 0) + rows; // one request may call several tools
      },
      onFailure: (error) => log?.failure(error, { request_id: requestId }),
    });
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    await server.connect(transport);
    try {
      const response = await transport.handleRequest(toMcpRequest(c.req.raw, text), { parsedBody });
      return c.body(response.body as ReadableStream, response.status as 200, Object.fromEntries(response.headers));
    } finally {
      await server.close();
    }
  });
}

/** Parses a body and keeps integers beyond 2^53. Undefined for invalid JSON, which the transport answers with MCP's error. */
async function parseMessages(text: string): Promise<unknown> {
  try {
    return await parseLargeJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Requests that a batch counts as, without the request that carries it. */
function countBatch(batch: readonly unknown[]): number {
  if (batch.length > MAX_BATCH)
    throw new HttpError(
      "invalid_input",
      `The batch has ${batch.length} messages. The maximum is ${MAX_BATCH}; send it in several requests.`,
      { path: "body" },
    );
  return Math.max(0, batch.length - 1);
}

/**
 * The request with the headers that the transport requires. It requires that a client accepts both JSON and an event
 * stream, although it is configured to answer with JSON only. A client that accepts JSON or anything gets a response.
 */
function toMcpRequest({ url, headers: original }: Request, body: string): Request {
  const headers = new Headers(original);
  if (acceptsJson(original.get("Accept"))) headers.set("Accept", "application/json, text/event-stream");
  headers.delete("Content-Length");
  return new Request(url, { method: "POST", headers, body });
}

function acceptsJson(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  return accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const isExcluded = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    return !isExcluded && ["application/json", "application/*", "*/*"].includes(type);
  });
}
