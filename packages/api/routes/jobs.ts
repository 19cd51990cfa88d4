import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { inDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { findMetadataFault } from "@cairn/core/document/metadata.ts";
import type { Failure } from "@cairn/core/document/passages.ts";
import { assertDimensions } from "@cairn/core/document/write.ts";
import { cancelJob, createJob, failJob, getJob, type Job, listJobs } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { createJobWatch, type Watcher } from "@cairn/core/job/watch.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { SSEStreamingApi } from "hono/streaming";
import { requireEither, requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { BEARER, createRouter, jsonBody, jsonResponse, problems, reply, replyLong } from "../openapi.ts";
import { idempotent, makeId } from "../request/idempotent.ts";
import { streamEvents, streamHead } from "../request/stream-events.ts";
import { collectionName } from "../schema/collection.ts";
import { ingestSchema, type newDocumentSchema } from "../schema/document.ts";
import { idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { fromJob, jobSchema } from "../schema/service.ts";
import { toVector } from "../schema/vector.ts";
import type { Log } from "../telemetry/log.ts";

const tags = ["Jobs"];
const job = { params: idParameter("job", "The job's id.") };
const accepted = {
  ...jsonResponse(jobSchema, "The job, which goes on. Watch it where Location says, or as events."),
  headers: z.object({ Location: z.string() }),
};

const bulk = createRoute({
  method: "post",
  path: "/v1/documents/bulk",
  operationId: "ingestDocumentsInBulk",
  summary: "Add documents in a job, and index what has grown large",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { headers: idempotencyHeader, body: jsonBody(ingestSchema) },
  responses: { 202: accepted, ...problems([404, 409, 422], { body: true }) },
});

const reindex = createRoute({
  method: "post",
  path: "/v1/reindex",
  operationId: "reindex",
  summary: "Index what has grown; with a model, embed a collection anew",
  tags,
  security: BEARER,
  middleware: [requireScope("admin"), idempotent],
  request: {
    headers: idempotencyHeader,
    body: jsonBody(
      z
        .strictObject({
          collection: collectionName
            .optional()
            .describe("Default: all of the tenant's; with a model, knowledge."),
          model: z
            .string()
            .min(3)
            .max(200)
            .optional()
            .describe("provider/model to embed the collection anew with."),
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
  summary: "The jobs of the credential's owner, newest first",
  tags,
  security: BEARER,
  middleware: requireEither("read", "admin"),
  request: { query: z.object({ limit: integerParameter(1, 1000, "Jobs at most. Default 100.") }) },
  responses: { 200: jsonResponse(z.object({ jobs: z.array(jobSchema) }), "The jobs."), ...problems() },
});

const get = createRoute({
  method: "get",
  path: "/v1/jobs/{job}",
  operationId: "getJob",
  summary: "How far a job is",
  tags,
  security: BEARER,
  middleware: requireEither("read", "admin"),
  request: job,
  responses: { 200: jsonResponse(jobSchema, "The job."), ...problems([404]) },
});

const cancel = createRoute({
  method: "post",
  path: "/v1/jobs/{job}/cancel",
  operationId: "cancelJob",
  summary: "End a job; what it has done stays",
  tags,
  security: BEARER,
  middleware: [requireEither("write", "admin"), idempotent],
  request: { ...job, headers: idempotencyHeader },
  responses: { 200: jsonResponse(jobSchema, "The job, about to end."), ...problems([404, 409, 422]) },
});

const watch = createRoute({
  method: "get",
  path: "/v1/jobs/{job}/events",
  operationId: "watchJob",
  summary: "A job's progress as server-sent events, until it ends",
  description:
    "Events are called `job` and hold what GET /v1/jobs/{job} answers, each time something has changed. " +
    "Where the last is called `continue` the job goes on, but the stream's time is over: ask for it again. " +
    "Where it is called `error` it holds a problem, as in any other answer.",
  tags,
  security: BEARER,
  middleware: requireEither("read", "admin"),
  request: job,
  responses: {
    200: { description: "Events.", content: { "text/event-stream": { schema: z.string() } } },
    ...problems([404, 429]),
  },
});

export interface JobRouteOptions {
  readonly queue: JobQueue;
  readonly log: Log | undefined;
  /** Milliseconds between two looks at the jobs that are watched. Default 500. */
  readonly interval?: number;
  /** Milliseconds after which a watcher has to come back. Default 900,000. */
  readonly longest?: number;
  /** Bytes of a job's result in an event. */
  readonly maxResponse: number | undefined;
}

export function jobRoutes({ queue, log, interval = 500, longest = 900_000, maxResponse }: JobRouteOptions) {
  const watches = createJobWatch({ interval, maxBytes: maxResponse });
  const address = (c: Context<Env>, id: string) => ({ tenantId: c.var.principal.tenantId, id });
  return createRouter()
    .openapi(bulk, async (c) => {
      const request = c.req.valid("json");
      const { collection } = request;
      const into = await inDefaultCollection(c.var.services, tenantOf(c), {
        collection,
        work: () => getCollection(c.var.services.database, tenantOf(c), collection), // a wrong name is told now
      });
      // Made up now: a worker that takes the job over writes them under the same ids.
      const identified = request.documents.map((one, n) => ({
        ...one,
        id: one.id ?? makeId(c, `documents[${n}]`),
      }));
      assertSizes(into, identified);
      const { documents, refused } = refuseUnstorable(identified);
      return begin(c, queue, "ingest", {
        ...request,
        ...targetOf(into),
        documents,
        refused,
      } as unknown as JsonObject);
    })
    .openapi(reindex, async (c) => {
      const { collection, model } = c.req.valid("json");
      const { database, embedders } = c.var.services;
      if (collection !== undefined || model !== undefined)
        await getCollection(database, tenantOf(c), collection);
      if (model !== undefined) embedders.get(model);
      return begin(c, queue, "reindex", {
        ...(collection === undefined ? {} : { collection }),
        ...(model === undefined ? {} : { model }),
      });
    })
    .openapi(list, async (c) => {
      const { limit } = c.req.valid("query");
      const { services, principal, maxResponse: maxBytes } = c.var;
      const jobs = await listJobs(services.database, principal.tenantId, { limit, maxBytes });
      return replyLong(c, { jobs: jobs.map(fromJob) });
    })
    .openapi(get, async (c) => {
      const { services, maxResponse: maxBytes } = c.var;
      return replyLong(
        c,
        fromJob(await getJob(services.database, address(c, c.req.valid("param").job), { maxBytes })),
      );
    })
    .openapi(cancel, async (c) =>
      reply(c, fromJob(await cancelJob(c.var.services.database, address(c, c.req.valid("param").job)))),
    )
    .openapi(watch, async (c) => {
      const { services, maxResponse: maxBytes } = c.var;
      const first = await getJob(services.database, address(c, c.req.valid("param").job), { maxBytes });
      if (c.req.method === "HEAD") return streamHead(c) as never;
      const watcher = watches.watch(c.var.lasting.database, first);
      return streamEvents(c, {
        log,
        milliseconds: longest,
        write: (sse) => writeJob(c, sse, { first, interval, watcher }),
        overdue: { event: "continue", data: "", retry: interval }, // an EventSource comes back by itself
      }) as never;
    });
}

type Identified = z.infer<typeof newDocumentSchema> & { readonly id: string };

/** A job finds its collection again by the id: its name may be another's by then. One that takes no writes has no id here. */
const targetOf = ({ id, name, replacedBy }: Collection) =>
  replacedBy === null ? { collection: name, collection_id: id } : { collection: name };

/** Throws `dimension_mismatch`, as a job would after it had written the documents before. */
function assertSizes(collection: Collection, documents: readonly Identified[]): void {
  const vectors = documents.map(({ id, embedding }, n) => ({
    id,
    embedding: embedding === undefined ? null : toVector(embedding),
    path: `documents[${n}].embedding`,
  }));
  assertDimensions(collection, vectors);
}

/** Of one id given twice, the last is taken. Leaves out documents whose metadata cannot be stored: a job's request is stored itself, and would alter it (`1e400`). */
function refuseUnstorable(given: readonly Identified[]) {
  const documents: Identified[] = [];
  const refused: Failure[] = [];
  for (const document of new Map(given.map((one) => [one.id, one])).values()) {
    const fault = document.metadata && findMetadataFault(document.metadata as JsonObject);
    if (fault) refused.push({ id: document.id, code: "invalid_input", message: fault.message });
    else documents.push(document);
  }
  return { documents, refused };
}

interface Watch {
  readonly first: Job;
  readonly interval: number;
  readonly watcher: Watcher;
}

/** Writes what a job has come to each time it has changed, until it ends. */
async function writeJob(
  c: Context<Env>,
  sse: SSEStreamingApi,
  { first, interval, watcher }: Watch,
): Promise<void> {
  const { signal } = c.var;
  signal.addEventListener("abort", watcher.stop, { once: true }); // at once: a caller that does not read holds up the rest
  try {
    let shown = "";
    for (let now: Job | undefined = first; !signal.aborted; now = await watcher.poll()) {
      const data = now ? stringifyJson(fromJob(now)) : shown;
      if (data !== shown) await sse.writeSSE({ event: "job", data });
      shown = data;
      if (now && now.status !== "in_progress") return;
      await sse.sleep(interval);
    }
  } finally {
    watcher.stop();
  }
}

/** Writes a job down, hands it to the queue and answers 202. Where the queue does not take it, the job has failed. */
export async function begin(c: Context<Env>, queue: JobQueue, kind: string, request: JsonObject) {
  const { tenantId } = c.var.principal;
  const id = makeId(c, "job");
  const made = await createJob(c.var.services.database, tenantId, { id, kind, request });
  const address = { tenantId, id: made.id };
  try {
    await queue.send(address);
  } catch (error) {
    await failJob(c.var.lasting.database, address, UNSENT);
    throw error;
  }
  return reply(c, fromJob(made), 202, { Location: `/v1/jobs/${made.id}` });
}

const UNSENT = {
  code: "internal_error",
  message: "The job could not be handed to a worker, and nothing of it was done. Send it again.",
} as const;
