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
import {
  fromQuestion,
  fromRun,
  fromSet,
  newRunSchema,
  newSetSchema,
  runSchema,
  runWithQuestionsSchema,
  setSchema,
  setWithQuestionsSchema,
  toQuestions,
  toVariant,
} from "../schema/evaluation.ts";
import { idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { accepted, startJob } from "./start-job.ts";

const readRoute = secured("Evaluations", requireScope("read"));
const writeRoute = secured("Evaluations", requireScope("write"), idempotent);
const setParameter = idParameter("set", "Name or id of the question set.");

const create = createRoute({
  method: "post",
  path: "/v1/evaluations",
  operationId: "createQuestionSet",
  summary: "Store a question set",
  description:
    "A set has at most 2,000 questions and 100,000 judged documents, a tenant at most 100 sets. With every_hours, the service runs " +
    "the set on a schedule and raises an alarm when its nDCG drops.",
  ...writeRoute,
  request: { headers: idempotencyHeader, body: jsonBody(newSetSchema) },
  responses: { 201: jsonResponse(setSchema, "The question set."), ...problems([404, 409, 422], { body: true }) },
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
  responses: { 200: jsonResponse(setWithQuestionsSchema, "The question set."), ...problems([404]) },
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
    "Asks every question with every variant and compares the results with the judgements. The job's result has the metrics of each " +
    "variant and the id of the stored run. It ends after ten minutes at the latest. The newest 200 runs of a set are kept for 400 days.",
  ...writeRoute,
  request: { params: setParameter, headers: idempotencyHeader, body: jsonBody(newRunSchema) },
  responses: { 202: accepted, ...problems([404, 409, 422], { body: true }) },
});

const listRunsRoute = createRoute({
  method: "get",
  path: "/v1/evaluations/{set}/runs",
  operationId: "listEvaluationRuns",
  summary: "List the runs of a question set",
  description: "Newest first.",
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
  responses: { 200: jsonResponse(runWithQuestionsSchema, "The run."), ...problems([404]) },
});

/** Loads the stored sets and runs. Most requests do not need them. */
const loadSets = () => import("@cairn/core/evaluation/set.ts");
const loadRuns = () => import("@cairn/core/evaluation/run.ts");

export function evaluationRoutes({ queue }: { readonly queue: JobQueue }) {
  return createRouter()
    .openapi(create, async (c) => {
      const { name, questions, variants, cutoff, every_hours, max_drop, replace } = c.req.valid("json");
      const { createSet } = await loadSets();
      const set = await createSet(c.var.services.database, tenantOf(c), {
        name,
        questions: toQuestions(questions),
        settings: { variants: variants?.map(toVariant), cutoff, everyHours: every_hours, maxDrop: max_drop },
        replace,
      });
      return reply(c, fromSet(set), 201);
    })
    .openapi(list, async (c) => {
      const { listSets } = await loadSets();
      return replyLarge(c, { sets: (await listSets(c.var.services.database, tenantOf(c))).map(fromSet) });
    })
    .openapi(get, async (c) => {
      const { getSet, readSetQuestions } = await loadSets();
      const set = await getSet(c.var.services.database, tenantOf(c), c.req.valid("param").set);
      const questions = await readSetQuestions(c.var.services.database, set);
      return replyLarge(c, { ...fromSet(set), questions: questions.map(fromQuestion) });
    })
    .openapi(remove, async (c) => {
      const { deleteSet } = await loadSets();
      await deleteSet(c.var.services.database, tenantOf(c), c.req.valid("param").set);
      return replyNoContent(c);
    })
    .openapi(run, async (c) => {
      const { variants, ...options } = c.req.valid("json");
      const { getSet } = await loadSets();
      const { id: set } = await getSet(c.var.services.database, tenantOf(c), c.req.valid("param").set);
      const request = { set, ...options, ...(variants ? { variants: variants.map(toVariant) } : {}) };
      return startJob(c, queue, EVALUATE_JOB, request as unknown as JsonObject);
    })
    .openapi(listRunsRoute, async (c) => {
      const [{ getSet }, { listRuns }] = await Promise.all([loadSets(), loadRuns()]);
      const { database } = c.var.services;
      const set = await getSet(database, tenantOf(c), c.req.valid("param").set);
      const runs = await listRuns(database, set, { limit: c.req.valid("query").limit });
      return replyLarge(c, { runs: runs.map(fromRun) });
    })
    .openapi(getRunRoute, async (c) => {
      const [{ getSet }, { getRun }] = await Promise.all([loadSets(), loadRuns()]);
      const { database } = c.var.services;
      const params = c.req.valid("param");
      const set = await getSet(database, tenantOf(c), params.set);
      const found = await getRun(database, set, params.run);
      const results = found.evaluation.variants.map(({ name, perQuestion }) => ({
        variant: name,
        results: perQuestion.map((result) => ({ ...result, ids: [...result.ids] })),
      }));
      return replyLarge(c, { ...fromRun(found), per_question: results });
    });
}
