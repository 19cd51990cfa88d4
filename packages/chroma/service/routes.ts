import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "@cairn/api/openapi.ts";
import { refuseOperatorIdempotencyKey } from "@cairn/api/request/idempotent.ts";
import { startJob } from "@cairn/api/routes/start-job.ts";
import { idParameter } from "@cairn/api/schema/parameters.ts";
import { fromJob, jobSchema } from "@cairn/api/schema/service.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { getJob, listJobs } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { renderReport } from "../report/html.ts";
import type { MigrationReport } from "../report/report.ts";
import { toApiTerms } from "./api-terms.ts";
import { MIGRATION } from "./job.ts";
import { migrationSchema } from "./schema.ts";

const start = createRoute({
  method: "post",
  path: "/v1/migrations",
  operationId: "startMigration",
  summary: "Start a migration from Chroma",
  description:
    "Migrates from the Chroma server that the service is configured with, in a job. Starting it again continues where it stopped and compares everything again.",
  ...secured("Migrations", refuseOperatorIdempotencyKey),
  request: { body: jsonBody(migrationSchema) },
  responses: {
    202: {
      ...jsonResponse(jobSchema, "The job. Poll the URL in `Location`, or read its events."),
      headers: z.object({ Location: z.string() }),
    },
    ...problems([422], { body: true }),
  },
});

const list = createRoute({
  method: "get",
  path: "/v1/migrations",
  operationId: "listMigrations",
  summary: "List migrations, newest first",
  ...secured("Migrations"),
  responses: {
    200: jsonResponse(z.object({ migrations: z.array(jobSchema) }), "The jobs of the migrations, without reports."),
    ...problems(),
  },
});

const report = createRoute({
  method: "get",
  path: "/v1/migrations/{job}/report",
  operationId: "getMigrationReport",
  summary: "Get the report of a finished migration",
  ...secured("Migrations"),
  request: {
    params: idParameter("job", "The job's id."),
    query: z.object({ format: z.enum(["json", "html"]).optional() }),
  },
  responses: {
    200: {
      description: "The report.",
      content: {
        "application/json": { schema: z.record(z.string(), z.unknown()) },
        "text/html": { schema: z.string() },
      },
    },
    ...problems([404]),
  },
});

export interface MigrationRouteOptions {
  readonly queue: JobQueue;
  /** Whether the service has the address of a Chroma server. */
  readonly configured: boolean;
}

/** The routes of migrations, for the operator. */
export function migrationRoutes({ queue, configured }: MigrationRouteOptions) {
  return createRouter()
    .openapi(start, async (c) => {
      if (!configured)
        throw new AppError(
          "source_unsupported",
          "The service has no Chroma server configured. Set CHROMA_URL, and CHROMA_TOKEN if the server requires a token.",
        );
      return startJob(c, queue, MIGRATION, JSON.parse(stringifyJson(c.req.valid("json"))));
    })
    .openapi(list, async (c) => {
      const jobs = await listJobs(c.var.services.database, null);
      const migrations = jobs.filter(({ kind }) => kind === MIGRATION);
      return reply(c, { migrations: migrations.map((job) => ({ ...fromJob(job), result: null })) });
    })
    .openapi(report, async (c) => {
      const { job: id } = c.req.valid("param");
      const address = { tenantId: null, id };
      const job = await getJob(c.var.services.database, address, { maxBytes: Number.POSITIVE_INFINITY });
      if (job.kind !== MIGRATION || !job.result)
        throw new AppError("not_found", `Migration ${id} has no report: it is ${job.status.replace("_", " ")}.`);
      const migrationReport = job.result as unknown as MigrationReport;
      if (c.req.valid("query").format === "html") return c.html(toApiTerms(renderReport(migrationReport))) as never;
      return c.body(stringifyJson(migrationReport), 200, { "Content-Type": "application/json" }) as never;
    });
}
