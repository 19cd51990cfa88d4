import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "@cairn/api/openapi.ts";
import { refuseOperatorIdempotencyKey } from "@cairn/api/request/idempotent.ts";
import { startJob } from "@cairn/api/routes/start-job.ts";
import { idParameter } from "@cairn/api/schema/parameters.ts";
import { fromJob, jobSchema } from "@cairn/api/schema/service.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { getJob, type Job, type JobAddress, type JobOptions, listJobs } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { getPartialResult } from "@cairn/core/job/partial-result.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { MigrationReport } from "../report/report.ts";
import { toApiTerms } from "./api-terms.ts";
import { DRY_RUN } from "./dry-run.ts";
import { MIGRATION } from "./job.ts";
import {
  migrationRequestSchema,
  migrationSourceSchema,
  migrationStatusSchema,
  migrationSummarySchema,
} from "./schema.ts";

const jobParameter = idParameter("job", "The job's id.");

const start = createRoute({
  method: "post",
  path: "/v1/migrations",
  operationId: "startMigration",
  summary: "Start a migration from Chroma",
  description:
    "Migrates from the Chroma server that the service is configured with, in a job. Starting it again continues where it stopped and compares everything again. " +
    "With `dry_run`, the job reads every record once, writes nothing, and its report is the plan.",
  ...secured("Migrations", refuseOperatorIdempotencyKey),
  request: { body: jsonBody(migrationRequestSchema) },
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
    200: jsonResponse(
      z.object({ source: migrationSourceSchema, migrations: z.array(migrationSummarySchema) }),
      "The jobs of the migrations and of their dry runs, without reports.",
    ),
    ...problems(),
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/migrations/{job}",
  operationId: "getMigration",
  summary: "Get a migration and the progress of its collections",
  ...secured("Migrations"),
  request: { params: jobParameter },
  responses: { 200: jsonResponse(migrationStatusSchema, "The job, without its report."), ...problems([404]) },
});

const report = createRoute({
  method: "get",
  path: "/v1/migrations/{job}/report",
  operationId: "getMigrationReport",
  summary: "Get the report of a finished migration",
  ...secured("Migrations"),
  description: "Of a dry run, the report is the plan as JSON. It has no page.",
  request: {
    params: jobParameter,
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
  /** The address of the Chroma server. Undefined: the service has none. */
  readonly sourceUrl: string | undefined;
}

/** The routes of migrations, for the operator. */
export function migrationRoutes({ queue, sourceUrl }: MigrationRouteOptions) {
  return createRouter()
    .openapi(start, async (c) => {
      if (sourceUrl === undefined)
        throw new AppError(
          "source_unsupported",
          "The service has no Chroma server configured. Set CHROMA_URL, and CHROMA_TOKEN if the server requires a token.",
        );
      const { dry_run: isDryRun, ...request } = c.req.valid("json");
      return startJob(c, queue, isDryRun ? DRY_RUN : MIGRATION, JSON.parse(stringifyJson(request)));
    })
    .openapi(list, async (c) => {
      const jobs = await listJobs(c.var.services.database, null);
      const migrations = jobs.filter(isMigration).map(fromMigration);
      return reply(c, { source: sourceUrl === undefined ? null : { url: withoutLogin(sourceUrl) }, migrations });
    })
    .openapi(get, async (c) => {
      const { database } = c.var.services;
      const address = { tenantId: null, id: c.req.valid("param").job };
      const job = await getMigration(database, address, { maxBytes: c.var.maxResponse });
      const { progress = [] } = (await getPartialResult(database, address)) as { progress?: [] };
      return reply(c, { ...fromMigration(job), progress });
    })
    .openapi(report, async (c) => {
      const address = { tenantId: null, id: c.req.valid("param").job };
      const job = await getMigration(c.var.services.database, address, { maxBytes: Number.POSITIVE_INFINITY });
      if (!job.result)
        throw new AppError("not_found", `Migration ${job.id} has no report: it is ${job.status.replace("_", " ")}.`);
      if (c.req.valid("query").format !== "html")
        return c.body(stringifyJson(job.result), 200, { "Content-Type": "application/json" }) as never;
      if (job.kind === DRY_RUN)
        throw new AppError("invalid_input", `Migration ${job.id} is a dry run, which has no page. Read it as JSON.`, {
          path: "format",
        });
      const { renderReport } = await import("../report/html.ts");
      return c.html(toApiTerms(renderReport(job.result as unknown as MigrationReport))) as never;
    });
}

function isMigration({ kind }: Job): boolean {
  return kind === MIGRATION || kind === DRY_RUN;
}

/** Throws `not_found`, also for a job of another kind. */
async function getMigration(database: Database, address: JobAddress, options: JobOptions): Promise<Job> {
  const job = await getJob(database, address, options);
  if (isMigration(job)) return job;
  throw new AppError("not_found", `There is no migration ${JSON.stringify(address.id)}.`);
}

function fromMigration(job: Job): z.infer<typeof migrationSummarySchema> {
  const { verdict = null } = (job.result ?? {}) as Partial<MigrationReport>;
  return { ...fromJob(job), result: null, dry_run: job.kind === DRY_RUN, verdict };
}

/** An address that was checked before, without the user and the password. */
function withoutLogin(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname.replace(/\/+$/, "")}`;
}
