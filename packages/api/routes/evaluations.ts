import type { JsonObject } from "@cairn/core/database/json.ts";
import { EVALUATE_JOB } from "@cairn/core/evaluation/job-kind.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import {
  createRouter,
  jsonBody,
  jsonResponse,
  problems,
  reply,
  replyLarge,
  replyNoContent,
  secured,
} from "../openapi.ts";
import { idempotent } from "../request/idempotent.ts";
import { newRunSchema, newSetSchema, runSchema, setSchema } from "../schema/evaluation.ts";
import { idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { accepted, startJob } from "./start-job.ts";

const readRoute = secured("Evaluations", requireScope("read"));
const writeRoute = secured("Evaluations", requireScope("write"), idempotent);
const setParameter = idParameter("set", "Name or id of the question set.");

const setResponse = jsonResponse(setSchema, "The question set.");

const create = createRoute({
  method: "post",
  path: "/v1/evaluations",
  operationId: "createQuestionSet",
  summary: "Store a question set",
  description: "At most 2,000 questions and 100,000 judged documents; a tenant has at most 100 sets.",
  ...writeRoute,
  request: { headers: idempotencyHeader, body: jsonBody(newSetSchema) },
  responses: { 201: setResponse, ...problems([404, 409, 422], { body: true }) },
});

const list = createRoute({
  method: "get",
  path: "/v1/evaluations",
  operationId: "listQuestionSets",
  summary: "List question sets",
  ...readRoute,
  responses: { 200: jsonResponse(z.object({ sets: z.array(setSchema) }), "The question sets."), ...problems() },
});

const get = createRoute({
  method: "get",
  path: "/v1/evaluations/{set}",
  operationId: "getQuestionSet",
  summary: "Get a question set with its questions",
  ...readRoute,
  request: { params: setParameter },
  responses: { 200: setResponse, ...problems([404]) },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/evaluations/{set}",
  operationId: "deleteQuestionSet",
  summary: "Delete a question set and its runs",
  ...writeRoute,
  request: { params: setParameter, headers: idempotencyHeader },
  responses: { 204: { description: "It is deleted." }, ...problems([404, 409, 422]) },
});

const run = createRoute({
  method: "post",
  path: "/v1/evaluations/{set}/runs",
  operationId: "runQuestionSet",
  summary: "Run a question set in a job",
  description:
    "The result has the metrics of each variant and the id of the stored run. A run takes ten minutes at most.",
  ...writeRoute,
  request: { params: setParameter, headers: idempotencyHeader, body: jsonBody(newRunSchema) },
  responses: { 202: accepted, ...problems([404, 409, 422], { body: true }) },
});

const listRunsRoute = createRoute({
  method: "get",
  path: "/v1/evaluations/{set}/runs",
  operationId: "listEvaluationRuns",
  summary: "List the runs of a question set, newest first",
  ...readRoute,
  request: {
    params: setParameter,
    query: z.object({ limit: integerParameter(1, 200, "Maximum number of runs. Default 50.") }),
  },
  responses: { 200: jsonResponse(z.object({ runs: z.array(runSchema) }), "The runs."), ...problems([404]) },
});

const getRunRoute = createRoute({
  method: "get",
  path: "/v1/evaluations/{set}/runs/{run}",
  operationId: "getEvaluationRun",
  summary: "Get a run with the results of each question",
  ...readRoute,
  request: { params: setParameter.extend(idParameter("run", "The id of the run.").shape) },
  responses: { 200: jsonResponse(runSchema, "The run."), ...problems([404]) },
});

/** Loads what only requests about evaluations need. */
const load = () => import("../evaluation/service.ts");

export function evaluationRoutes({ queue }: { readonly queue: JobQueue }) {
  return createRouter()
    .openapi(create, async (c) => {
      const { createQuestionSet } = await load();
      return reply(c, await createQuestionSet(c.var.services.database, tenantOf(c), c.req.valid("json")), 201);
    })
    .openapi(list, async (c) => {
      const { listQuestionSets } = await load();
      return replyLarge(c, await listQuestionSets(c.var.services.database, tenantOf(c)));
    })
    .openapi(get, async (c) => {
      const { getQuestionSet } = await load();
      return replyLarge(c, await getQuestionSet(c.var.services.database, tenantOf(c), c.req.valid("param").set));
    })
    .openapi(remove, async (c) => {
      const { deleteQuestionSet } = await load();
      await deleteQuestionSet(c.var.services.database, tenantOf(c), c.req.valid("param").set);
      return replyNoContent(c);
    })
    .openapi(run, async (c) => {
      const { runRequest } = await load();
      const body = { ...c.req.valid("json"), ...c.req.valid("param") };
      const request = await runRequest(c.var.services.database, tenantOf(c), body);
      return startJob(c, queue, EVALUATE_JOB, request as unknown as JsonObject);
    })
    .openapi(listRunsRoute, async (c) => {
      const { listEvaluationRuns } = await load();
      const { limit } = c.req.valid("query");
      const page = { ...c.req.valid("param"), limit };
      return replyLarge(c, await listEvaluationRuns(c.var.services.database, tenantOf(c), page));
    })
    .openapi(getRunRoute, async (c) => {
      const { getEvaluationRun } = await load();
      return replyLarge(c, await getEvaluationRun(c.var.services.database, tenantOf(c), c.req.valid("param")));
    });
}
