import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { withDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { findMetadataFault } from "@cairn/core/document/metadata.ts";
import type { Failure } from "@cairn/core/document/passages.ts";
import { assertDimensions } from "@cairn/core/document/write.ts";
import { cancelJob, createJob, failJob, getJob, type Job, listJobs } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { createJobWatch, type Watcher } from "@cairn/core/job/watch.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { SSEStreamingApi } from "hono/streaming";
import { ownerOf } from "../auth/principal.ts";
import { requireAnyScope, requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, replyLarge, secured } from "../openapi.ts";
import { idempotent, makeId } from "../request/idempotent.ts";
import { streamEvents, streamHead } from "../request/stream-events.ts";
import { collectionName } from "../schema/collection.ts";
import { ingestSchema, type newDocumentSchema } from "../schema/document.ts";
import { idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { fromJob, jobSchema } from "../schema/service.ts";
import { toVector } from "../schema/vector.ts";
import type { Log } from "../telemetry/log.ts";

const readRoute = secured("Jobs", requireAnyScope("read", "admin"));
const jobParameter = { params: idParameter("job", "The id of the job.") };
const model = z.string().min(3).max(200);
export const accepted = {
  ...jsonResponse(
    jobSchema,
    "The job, which continues. Read its progress at the URL of the header Location, or as events.",
  ),
  headers: z.object({ Location: z.string() }),
};

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
      const { collection, model } = c.req.valid("json");
      const { database, embedders } = c.var.services;
      if (collection !== undefined || model !== undefined) await getCollection(database, tenantOf(c), collection);
      if (model !== undefined) embedders.get(model);
      return startJob(c, queue, "reindex", {
        ...(collection === undefined ? {} : { collection }),
        ...(model === undefined ? {} : { model }),
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

type IngestRequest = z.infer<typeof ingestSchema> & {
  /** What could not be read. The job lists it as failed. */
  readonly refused?: readonly Failure[];
};

/** Creates a job that ingests documents, and answers 202. */
export async function startIngest(c: Context<Env>, queue: JobQueue, request: IngestRequest) {
  const { collection, refused: unread = [] } = request;
  const target = await withDefaultCollection(c.var.services, tenantOf(c), {
    collection,
    work: () => getCollection(c.var.services.database, tenantOf(c), collection), // a wrong name is refused now
  });
  // Ids are generated now, so that a worker that takes the job over writes the same ones.
  const identified = request.documents.map((document, n) => ({
    ...document,
    id: document.id ?? makeId(c, `documents[${n}]`),
  }));
  assertVectorSizes(target, identified);
  const { documents, refused } = separateUnstorable(identified);
  const work = { ...request, ...collectionReference(target), documents, refused: [...unread, ...refused] };
  return startJob(c, queue, "ingest", work as unknown as JsonObject);
}

type Identified = z.infer<typeof newDocumentSchema> & { readonly id: string };

/** How a job refers to its collection: by id as well, because the name may have moved by then. A replaced collection has no id here. */
const collectionReference = ({ id, name, replacedBy }: Collection) =>
  replacedBy === null ? { collection: name, collection_id: id } : { collection: name };

/** Throws `dimension_mismatch` now; the job would throw it only after it had written other documents. */
function assertVectorSizes(collection: Collection, documents: readonly Identified[]): void {
  const vectors = documents.map(({ id, embedding }, n) => ({
    id,
    embedding: embedding === undefined ? null : toVector(embedding),
    path: `documents[${n}].embedding`,
  }));
  assertDimensions(collection, vectors);
}

/**
 * Separates documents whose metadata cannot be stored. A job's request is stored as JSON itself, which would change such
 * metadata (`1e400`). If an id occurs twice, the last document is used.
 */
function separateUnstorable(input: readonly Identified[]) {
  const documents: Identified[] = [];
  const refused: Failure[] = [];
  for (const document of new Map(input.map((document) => [document.id, document])).values()) {
    const fault = document.metadata && findMetadataFault(document.metadata as JsonObject);
    if (fault) refused.push({ id: document.id, code: "invalid_input", message: fault.message });
    else documents.push(document);
  }
  return { documents, refused };
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

/** Creates a job, sends it to the queue and answers 202. If the queue refuses it, the job fails. */
export async function startJob(c: Context<Env>, queue: JobQueue, kind: string, request: JsonObject) {
  const tenantId = ownerOf(c.var.principal);
  const id = makeId(c, "job");
  const created = await createJob(c.var.services.database, tenantId, { id, kind, request });
  const address = { tenantId, id: created.id };
  try {
    await queue.send(address);
  } catch (error) {
    await failJob(c.var.backgroundServices.database, address, NOT_QUEUED);
    throw error;
  }
  return reply(c, fromJob(created), 202, { Location: `/v1/jobs/${created.id}` });
}

const NOT_QUEUED = {
  code: "internal_error",
  message: "The job could not be queued, and none of it was done. Send the request again.",
} as const;
