import { parseLargeJson } from "@cairn/core/database/json.ts";
import { Hono } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import type { Log } from "../telemetry/log.ts";

/** Messages of a batch. Each counts as a request, and they are worked on one after the other. */
const MAX_BATCH = 20;

/**
 * Streamable HTTP without sessions: each request carries its key and is answered by a server of its own, so any process
 * can answer any of them. There is nothing to listen to and no session to end: a stream that GET opened would close at
 * once, and clients would ask for another every second.
 */
export function mcpRoutes({ log }: { readonly log: Log | undefined }) {
  return new Hono<Env>().post("/mcp", requireScope("read"), async (c) => {
    // Imported here: a service that is never asked for MCP does not load it.
    const [{ WebStandardStreamableHTTPServerTransport }, { createMcpServer }] = await Promise.all([
      import("@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"),
      import("./server.ts"),
    ]);
    const { services, signal, requestId, facts, maxResponse: maxBytes } = c.var;
    const text = await c.req.text();
    const parsedBody = await parseMessages(text);
    if (Array.isArray(parsedBody)) await c.var.charge(countBatch(parsedBody));
    const server = await createMcpServer(services, tenantOf(c), {
      signal,
      requestId,
      sequential: true,
      maxBytes,
      onRows: (rows) => {
        facts.rows = (facts.rows ?? 0) + rows; // one request may call several tools
      },
      onFailure: (error) => log?.failure(error, { request_id: requestId }),
    });
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    await server.connect(transport);
    try {
      const answer = await transport.handleRequest(toMcpRequest(c.req.raw, text), { parsedBody });
      return c.body(answer.body as ReadableStream, answer.status as 200, Object.fromEntries(answer.headers));
    } finally {
      await server.close();
    }
  });
}

/** With its integers beyond 2^53 as they are. Undefined where it is no JSON: the transport answers that as MCP does. */
async function parseMessages(text: string): Promise<unknown> {
  try {
    return await parseLargeJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Requests that a batch counts beyond the one that it is. */
function countBatch(batch: readonly unknown[]): number {
  if (batch.length > MAX_BATCH)
    throw new HttpError(
      "invalid_input",
      `A batch has ${MAX_BATCH} messages at most, not ${batch.length}. Send it in several requests.`,
      { path: "body" },
    );
  return Math.max(0, batch.length - 1);
}

/**
 * The request as the transport wants it: it insists that a client accepts JSON and an event stream, though it is told to
 * answer with JSON alone. A client that accepts JSON, or anything, gets its answer.
 */
function toMcpRequest({ url, headers: given }: Request, body: string): Request {
  const headers = new Headers(given);
  if (acceptsJson(given.get("Accept"))) headers.set("Accept", "application/json, text/event-stream");
  headers.delete("Content-Length");
  return new Request(url, { method: "POST", headers, body });
}

function acceptsJson(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  return accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const refused = parameters.some((one) => /^q=0(\.0*)?$/.test(one));
    return !refused && ["application/json", "application/*", "*/*"].includes(type);
  });
}
