import { createRoute, z } from "@hono/zod-openapi";
import { isOperator, ownerOf } from "../auth/principal.ts";
import { requireAnyScope } from "../auth/require.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { tenantOverviewSchema } from "../schema/overview.ts";
import { integerParameter } from "../schema/parameters.ts";

const get = createRoute({
  method: "get",
  path: "/v1/overview",
  operationId: "getOverview",
  summary: "Get the state of tenants and their collections",
  description:
    "Returns rows, indexes, pending index work, latency, tokens and jobs: for a tenant's key of the tenant, for the operator's key of all tenants in order of name.",
  ...secured("Tenants", requireAnyScope("read", "admin")),
  request: {
    query: z.object({
      limit: integerParameter(1, 500, "Maximum number of tenants. Default 100."),
      after: z.string().max(512).optional().openapi({ description: "`next` of the previous page." }),
    }),
  },
  responses: {
    200: jsonResponse(
      z.object({
        tenants: z.array(tenantOverviewSchema),
        next: z.string().nullable().describe("Value of `after` for the next page. Null on the last page."),
      }),
      "The tenants that the key may see.",
    ),
    ...problems([404]),
  },
});

export const overview = createRouter().openapi(get, async (c) => {
  const { services, principal } = c.var;
  const { readOverview } = await import("../overview/read.ts"); // for people, so it is rarely requested
  const { limit = 100, after } = c.req.valid("query");
  const owner = isOperator(principal) ? null : ownerOf(principal);
  return reply(c, await readOverview(services.database, owner, { limit, after }));
});
