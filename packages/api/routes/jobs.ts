import { getCollection } from "@cairn/core/collection/get.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { cancelJob, getJob, type Job, listJobs } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { createJobWatch, type Watcher } from "@cairn/core/job/watch.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { SSEStreamingApi } from "hono/streaming";
import { ownerOf } from "../auth/principal.ts";
import { requireAnyScope, requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, replyLarge, secured } from "../openapi.ts";
import { idempotent } from "../request/idempotent.ts";
import { streamEvents, streamHead } from "../request/stream-events.ts";
import { collectionName } from "../schema/collection.ts";
import { ingestSchema } from "../schema/document.ts";
import { maxDrop } from "../schema/evaluation.ts";
import { idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { fromJob, jobSchema } from "../schema/service.ts";
import type { Log } from "../telemetry/log.ts";
import { accepted, startIngest, startJob } from "./start-job.ts";

const readRoute = secured("Jobs", requireAnyScope("read", "admin"));
const jobParameter = { params: idParameter("job", "The id of the job.") };
const model = z.string().min(3).max(200);
const bulk = createRoute({
  method: "post",
  path: "/v1/documents/bulk",
  operationId: "ingestDocumentsInBulk",
  summary: "Add documents in a job",
  description:
    "Continues after the response. When all documents are written, the job builds the indexes that the collection needs.",
  ...secured("Jobs", requireScope("write"), idempotent),
  request: { headers: idempotencyHeader, body: jsonBody(ingestSchema) },
  responses: { 202: accepted, ...problems([404, 409, 422], { body: true }) },
});

const reindex = createRoute({
  method: "post",
  path: "/v1/reindex",
  operationId: "reindex",
  summary: "Build indexes or change the embedding model in a job",
  description:
    "Without `model`, the job runs pending index maintenance. With `model`, it embeds the collection again with that model and then replaces " +
    "the collection.",
  ...secured("Jobs", requireScope("admin"), idempotent),
  request: {
    headers: idempotencyHeader,
    body: jsonBody(
      z
        .strictObject({
          collection: collectionName
            .optional()
            .describe("Name or id. Default: all collections of the tenant; with `model`, the collection `knowledge`."),
          model: model.optional().describe("The model to embed the collection with, as provider/model."),
          evaluate: z
            .string()
            .min(1)
            .max(200)
            .optional()
            .describe(
              "Only with `model`: a question set. The collection is replaced only if its nDCG does not drop by more than `max_drop`; otherwise the job fails with quality_dropped and the new collection is kept as a draft.",
            ),
          max_drop: maxDrop.optional(),
        })
        .openapi("Reindex", { example: {} }),
    ),
  },
  responses: { 202: accepted, ...problems([404, 409, 422], { body: true }) },
});

const list = createRoute({
  method: "get",
  path: "/v1/jobs",
  operationId: "listJobs",
  summary: "List jobs",
  description: "Returns the jobs of the tenant, or of the operator for an operator's key, newest first.",
  ...readRoute,
  request: { query: z.object({ limit: integerParameter(1, 1000, "Maximum number of jobs. Default 100.") }) },
  responses: { 200: jsonResponse(z.object({ jobs: z.array(jobSchema) }), "The jobs."), ...problems() },
});

const get = createRoute({
  method: "get",
  path: "/v1/jobs/{job}",
  operationId: "getJob",
  summary: "Get a job and its progress",
  ...readRoute,
  request: jobParameter,
  responses: { 200: jsonResponse(jobSchema, "The job."), ...problems([404]) },
});

const cancel = createRoute({
  method: "post",
  path: "/v1/jobs/{job}/cancel",
  operationId: "cancelJob",
  summary: "Cancel a job",
  description: "Changes that the job has already made are kept.",
  ...secured("Jobs", requireAnyScope("write", "admin"), idempotent),
  request: { ...jobParameter, headers: idempotencyHeader },
  responses: {
    200: jsonResponse(jobSchema, "The job, which is being cancelled."),
    ...problems([404, 409, 422]),
  },
});

const watch = createRoute({
  method: "get",
  path: "/v1/jobs/{job}/events",
  operationId: "watchJob",
  summary: "Stream the progress of a job",
  description:
    "Returns server-sent events until the job ends. Each change is an event `job` with the body of GET /v1/jobs/{job}. " +
    "If the last event is `continue`, the time limit of the stream is over but the job continues: send the request again. " +
    "If it is `error`, it holds a problem, as in an error response.",
  ...readRoute,
  request: jobParameter,
  responses: {
    200: { description: "Server-sent events.", content: { "text/event-stream": { schema: z.string() } } },
    ...problems([404, 429]),
  },
});

export interface JobRouteOptions {
  readonly queue: JobQueue;
  readonly log: Log | undefined;
  /** Maximum bytes of a job's result in an event. */
  readonly maxResponse: number | undefined;
}

/** Milliseconds between two polls of the watched jobs. */
const POLL_INTERVAL_MS = 500;

/** Milliseconds after which a stream ends with `continue`. */
const STREAM_TIMEOUT_MS = 900_000;

export function jobRoutes({ queue, log, maxResponse }: JobRouteOptions) {
  const watches = createJobWatch({ interval: POLL_INTERVAL_MS, maxBytes: maxResponse });
  const address = (c: Context<Env>, id: string) => ({ tenantId: ownerOf(c.var.principal), id });
  return createRouter()
    .openapi(bulk, (c) => startIngest(c, queue, c.req.valid("json")))
    .openapi(reindex, async (c) => {
      const { collection, model, evaluate, max_drop } = c.req.valid("json");
      const { database, embedders } = c.var.services;
      if (evaluate !== undefined) {
        if (model === undefined) throw new AppError("invalid_input", "evaluate needs a model.", { path: "evaluate" });
        const { getSet } = await import("@cairn/core/evaluation/set.ts");
        await getSet(database, tenantOf(c), evaluate);
      }
      if (collection !== undefined || model !== undefined) await getCollection(database, tenantOf(c), collection);
      if (model !== undefined) embedders.get(model);
      return startJob(c, queue, "reindex", {
        ...(collection === undefined ? {} : { collection }),
        ...(model === undefined ? {} : { model }),
        ...(evaluate === undefined ? {} : { evaluate }),
        ...(max_drop === undefined ? {} : { max_drop }),
      });
    })
    .openapi(list, async (c) => {
      const { limit } = c.req.valid("query");
      const { services, principal, maxResponse: maxBytes } = c.var;
      const jobs = await listJobs(services.database, ownerOf(principal), { limit, maxBytes });
      return replyLarge(c, { jobs: jobs.map(fromJob) });
    })
    .openapi(get, async (c) => {
      const { services, maxResponse: maxBytes } = c.var;
      const job = await getJob(services.database, address(c, c.req.valid("param").job), { maxBytes });
      return replyLarge(c, fromJob(job));
    })
    .openapi(cancel, async (c) =>
      reply(c, fromJob(await cancelJob(c.var.services.database, address(c, c.req.valid("param").job)))),
    )
    .openapi(watch, async (c) => {
      const { services, maxResponse: maxBytes } = c.var;
      const first = await getJob(services.database, address(c, c.req.valid("param").job), { maxBytes });
      if (c.req.method === "HEAD") return streamHead(c) as never;
      const watcher = watches.watch(c.var.backgroundServices.database, first);
      return streamEvents(c, {
        log,
        timeoutMs: STREAM_TIMEOUT_MS,
        write: (sse) => writeJob(c, sse, { first, watcher }),
        timeoutEvent: { event: "continue", data: "", retry: POLL_INTERVAL_MS }, // an EventSource reconnects by itself
      }) as never;
    });
}

interface Watch {
  readonly first: Job;
  readonly watcher: Watcher;
}

/** Writes the job as an event after each change, until it ends. */
async function writeJob(c: Context<Env>, sse: SSEStreamingApi, { first, watcher }: Watch): Promise<void> {
  const { signal } = c.var;
  signal.addEventListener("abort", watcher.stop, { once: true }); // immediately: a caller that does not read blocks the loop below
  try {
    let lastData = "";
    for (let job: Job | undefined = first; !signal.aborted; job = await watcher.poll()) {
      const data = job ? stringifyJson(fromJob(job)) : lastData;
      if (data !== lastData) await sse.writeSSE({ event: "job", data });
      lastData = data;
      if (job && job.status !== "in_progress") return;
      await sse.sleep(POLL_INTERVAL_MS);
    }
  } finally {
    watcher.stop();
  }
}
