import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "@cairn/api/openapi.ts";
import { refuseOperatorIdempotencyKey } from "@cairn/api/request/idempotent.ts";
import { idParameter, integerParameter } from "@cairn/api/schema/parameters.ts";
import { AppError } from "@cairn/core/error.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { advance, back, requestComparison } from "../../gateway/cutover/cutover.ts";
import { listStatus } from "../../gateway/cutover/list.ts";
import { changeSettings } from "../../gateway/cutover/settings.ts";
import { readStatus } from "../../gateway/cutover/status.ts";
import { readCutoverReport } from "../../gateway/report/read.ts";
import { cutoverReportSchema, fromReport } from "./report-schema.ts";
import {
  advanceSchema,
  backSchema,
  cutoverStatusSchema,
  cutoverSummarySchema,
  fromStatus,
  fromSummary,
  settingsSchema,
  toAdvanceOptions,
} from "./schema.ts";

const params = idParameter("tenant", "The id or name of the tenant.");
const read = secured("Cut-over");
const write = secured("Cut-over", refuseOperatorIdempotencyKey);
const statusResponse = jsonResponse(cutoverStatusSchema, "Where the tenant is, and what the next phase requires.");

const list = createRoute({
  ...read,
  method: "get",
  path: "/v1/cutover",
  operationId: "listCutover",
  summary: "List the tenants of the cut-over",
  responses: {
    200: jsonResponse(
      z.object({ tenants: z.array(cutoverSummarySchema) }),
      "The tenants that have left Chroma at some time, in order of name.",
    ),
    ...problems(),
  },
});

const get = createRoute({
  ...read,
  method: "get",
  path: "/v1/cutover/{tenant}",
  operationId: "getCutover",
  summary: "Get a tenant's phase and the conditions of the next one",
  request: { params },
  responses: { 200: statusResponse, ...problems([404]) },
});

const enter = createRoute({
  ...write,
  method: "post",
  path: "/v1/cutover/{tenant}/advance",
  operationId: "advanceCutover",
  summary: "Enter the next phase",
  description: "Refused with 400 and the reasons if a condition is not met. Creates the tenant for its first phase.",
  request: { params, body: jsonBody(advanceSchema) },
  responses: { 200: statusResponse, ...problems([404, 409, 502], { body: true }) },
});

const goBack = createRoute({
  ...write,
  method: "post",
  path: "/v1/cutover/{tenant}/back",
  operationId: "backCutover",
  summary: "Go back to an earlier phase",
  request: { params, body: jsonBody(backSchema) },
  responses: { 200: statusResponse, ...problems([404, 409, 502], { body: true }) },
});

const compare = createRoute({
  ...write,
  method: "post",
  path: "/v1/cutover/{tenant}/compare",
  operationId: "compareCutover",
  summary: "Request a comparison of all records",
  description: "A gateway makes it. `compared` has the result.",
  request: { params },
  responses: {
    202: jsonResponse(cutoverStatusSchema, "The comparison is requested."),
    ...problems([404]),
  },
});

const change = createRoute({
  ...write,
  method: "patch",
  path: "/v1/cutover/{tenant}/settings",
  operationId: "changeCutoverSettings",
  summary: "Change the settings of a tenant's cut-over",
  request: { params, body: jsonBody(settingsSchema) },
  responses: { 200: statusResponse, ...problems([404], { body: true }) },
});

const report = createRoute({
  ...read,
  method: "get",
  path: "/v1/cutover/{tenant}/report",
  operationId: "getCutoverReport",
  summary: "Get the report of a tenant's cut-over",
  description: "It has ids and distances, and no text and no metadata of a record.",
  request: {
    params,
    query: z.object({
      format: z.enum(["json", "html"]).optional().describe("Default html."),
      hours: integerParameter(1, 2_160, "Hours until now of which requests are counted. Default 24."),
    }),
  },
  responses: {
    200: {
      description: "The report as a page or as JSON.",
      content: { "text/html": { schema: z.string() }, "application/json": { schema: cutoverReportSchema } },
    },
    ...problems([404]),
  },
});

const DEFAULT_HOURS = 24;

/** The routes of the cut-over, for the operator. */
export function cutoverRoutes() {
  return createRouter()
    .openapi(list, async (c) => {
      const all = await listStatus(c.var.services.database);
      return reply(c, { tenants: all.map(fromSummary) });
    })
    .openapi(get, async (c) => {
      const { tenant } = c.req.valid("param");
      const status = await readStatus(c.var.services.database, tenant);
      if (!status) throw noTenant(tenant);
      return reply(c, fromStatus(status));
    })
    .openapi(enter, async (c) => {
      const { tenant } = c.req.valid("param");
      const options = toAdvanceOptions(c.req.valid("json"));
      return reply(c, fromStatus(await advance(c.var.services.database, tenant, options)));
    })
    .openapi(goBack, async (c) => {
      const { tenant } = c.req.valid("param");
      return reply(c, fromStatus(await back(c.var.services.database, tenant, c.req.valid("json"))));
    })
    .openapi(compare, async (c) => {
      const { tenant } = c.req.valid("param");
      return reply(c, fromStatus(await requestComparison(c.var.services.database, tenant)), 202);
    })
    .openapi(change, async (c) => {
      const { tenant } = c.req.valid("param");
      await changeSettings(c.var.services.database, tenant, c.req.valid("json"));
      const status = await readStatus(c.var.services.database, tenant);
      if (!status) throw noTenant(tenant);
      return reply(c, fromStatus(status));
    })
    .openapi(report, async (c) => {
      const { tenant } = c.req.valid("param");
      const { database } = c.var.services;
      const status = await readStatus(database, tenant);
      if (!status?.since) throw noTenant(tenant);
      const { hours = DEFAULT_HOURS, format } = c.req.valid("query");
      const read = await readCutoverReport(database, { tenantIds: [status.tenant.id], hours });
      if (format === "json") return reply(c, fromReport(read)) as never;
      const { renderCutoverReport } = await import("../../gateway/report/html.ts");
      return c.html(renderCutoverReport(read)) as never;
    });
}

function noTenant(tenant: string): AppError {
  return new AppError(
    "not_found",
    `The tenant ${JSON.stringify(tenant)} is in the phase chroma and has not left it yet.`,
    { remedy: "list_tenants" },
  );
}
