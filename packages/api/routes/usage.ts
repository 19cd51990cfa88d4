import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { ownerOf } from "../auth/principal.ts";
import { requireAnyScope } from "../auth/require.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { HttpError } from "../problem/http-error.ts";

const daySchema = z
  .object({
    day: z.string().describe("UTC day, `2026-11-30`."),
    tenant: z.object({ id: z.uuid(), name: z.string() }),
    requests: z.int().describe("Requests with a valid credential, refused ones included."),
    searches: z.int().describe("Queries that were answered. A request with `queries` counts each of them."),
    stored_rows: z.int().nullable().describe("Passages, as last measured on that day. Null: not measured."),
    stored_bytes: z.int().nullable().describe("Bytes of the passages without indexes, as last measured on that day."),
    tokens: z
      .array(
        z.object({
          kind: z.string().describe("`embedding`, `chat_input`, `chat_output`; more may be added."),
          model: z.string(),
          tokens: z.int(),
        }),
      )
      .describe("Tokens of each model."),
  })
  .openapi("UsageDay");

const day = (description: string) => z.string().max(10).optional().describe(description);

const get = createRoute({
  method: "get",
  path: "/v1/usage",
  operationId: "getUsage",
  summary: "Get the usage by day",
  description:
    "Returns what the tenant used on each day, or for the operator what each tenant used. Days without any use are absent. " +
    "A range can have 400 days, which is how long usage is kept, and 50,000 counts. Each process of the service writes its counts " +
    "every 10 seconds, so the last seconds may be missing. With `Accept: text/csv` or `format=csv` the response is CSV: one line for each count.",
  ...secured("Usage", requireAnyScope("read", "admin")),
  request: {
    query: z.object({
      from: day("The first UTC day, `2026-11-01`. Default: 29 days before `to`."),
      to: day("The last UTC day. Default: today."),
      tenant: z.string().min(1).max(512).optional().describe("Id or name of one tenant. For the operator only."),
      format: z.enum(["json", "csv"]).optional().describe("Default: `json`, unless the header Accept prefers CSV."),
    }),
  },
  responses: {
    200: {
      ...jsonResponse(z.object({ from: z.string(), to: z.string(), days: z.array(daySchema) }), "The usage."),
      content: {
        "application/json": { schema: z.object({ from: z.string(), to: z.string(), days: z.array(daySchema) }) },
        "text/csv": { schema: z.string().describe("Columns: day, tenant_id, tenant, kind, model, n.") },
      },
    },
    ...problems([404]),
  },
});

export const usage = createRouter().openapi(get, async (c) => {
  const { from, to, tenant, format } = c.req.valid("query");
  const { database, usage } = c.var.services;
  const own = ownerOf(c.var.principal);
  if (own !== null && tenant !== undefined)
    throw new HttpError("forbidden", "The parameter tenant requires an operator's key.", { path: "tenant" });
  const [{ readUsage }, { toCsv }, { byTenantAndDay }] = await Promise.all([
    import("@cairn/core/usage/read.ts"), // rarely requested
    import("@cairn/core/usage/csv.ts"),
    import("@cairn/core/usage/summarize.ts"),
  ]);
  const tenantId = tenant === undefined ? own : (await getTenant(database, tenant)).id;
  await usage?.flush();
  const found = await readUsage(database, tenantId, { from, to });
  if (format === "csv" || (format === undefined && prefersCsv(c.req.header("Accept"))))
    return c.body(toCsv(found), 200, { "Content-Type": "text/csv; charset=utf-8; header=present" }) as never;
  const days = byTenantAndDay(found).map(({ tenantId: id, tenant: name, storedRows, storedBytes, tokens, ...day }) => ({
    ...day,
    tenant: { id, name },
    stored_rows: storedRows,
    stored_bytes: storedBytes,
    tokens: tokens.map((one) => ({ ...one })),
  }));
  return reply(c, { from: found.from, to: found.to, days }) as never;
});

/** Whether a client names CSV and not JSON. */
function prefersCsv(accept = ""): boolean {
  return /\btext\/csv\b/i.test(accept) && !/\bapplication\/json\b/i.test(accept);
}
