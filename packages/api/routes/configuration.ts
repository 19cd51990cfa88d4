import { VERSION } from "@cairn/core/version.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireOperator } from "../auth/require.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";
import type { SettingInForce } from "../settings/in-force.ts";

/** Reads the settings of the running service. */
export type ReadConfiguration = () => Promise<readonly SettingInForce[]>;

const settingSchema = z
  .object({
    name: z.string().describe("The option of the command line, or the environment variable."),
    variable: z.string().nullable(),
    description: z.string(),
    value: z.string().nullable().describe("Null: it is not set, or it is a secret. A URL has no user and password."),
    default: z.string().nullable().describe("What applies if it is not set."),
    is_set: z.boolean(),
    is_secret: z.boolean(),
  })
  .openapi("SettingInForce");

const get = createRoute({
  method: "get",
  path: "/v1/configuration",
  operationId: "getConfiguration",
  summary: "Get the configuration in force",
  description: "Returns the settings that this service runs with, without the values of secrets.",
  ...secured("Service", requireOperator),
  responses: {
    200: jsonResponse(
      z.object({ version: z.string(), database: z.string(), settings: z.array(settingSchema) }),
      "The version, the kind of the database and the settings.",
    ),
    ...problems(),
  },
});

/** `read`: the settings of the entry point. Undefined: it has none. */
export function configurationRoutes(read: ReadConfiguration | undefined) {
  return createRouter().openapi(get, async (c) => {
    const database = c.var.services.database.kind;
    return reply(c, { version: VERSION, database, settings: [...((await read?.()) ?? [])] });
  });
}
