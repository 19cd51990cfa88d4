import { beforeAll, expect, test, vi } from "vitest";
import { KNOWLEDGE } from "../../../test/support/evaluation.ts";
import { useRoutes } from "../../../test/support/routes.ts";

const { call } = useRoutes();

const QUESTIONS = [
  { question: "return a kettle within thirty days", relevant: [{ id: "returns", grade: 3 }, { id: "warranty" }] },
  { id: "b", question: "shipping takes two weeks", relevant: [{ id: "shipping" }], filter: { topic: "orders" } },
];

const waitForEnd = (id: string) =>
  vi.waitFor(
    async () => {
      const { body } = await call("GET", `/v1/jobs/${id}`);
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 60_000, interval: 50 },
  );

beforeAll(async () => {
  await call("POST", "/v1/collections", { name: "judged" });
  expect((await call("POST", "/v1/documents", { collection: "judged", documents: KNOWLEDGE })).status).toBe(200);
});

const variants = ["keyword", "vector"].map((mode) => ({ name: mode, mode, collection: "judged" }));

test("a question set is stored, read, listed and replaced", async () => {
  const created = await call("POST", "/v1/evaluations", {
    name: "faq",
    questions: QUESTIONS,
    variants,
    max_drop: 0.05,
  });
  expect(created).toMatchObject({
    status: 201,
    body: { name: "faq", question_count: 2, cutoff: 10, every_hours: null, max_drop: 0.05, due_at: null, variants },
  });
  const { body } = await call("GET", "/v1/evaluations/faq");
  expect(body).toEqual({
    ...created.body,
    questions: [
      {
        id: "1",
        question: "return a kettle within thirty days",
        relevant: [
          { id: "returns", grade: 3 },
          { id: "warranty", grade: 1 },
        ],
      },
      {
        id: "b",
        question: "shipping takes two weeks",
        relevant: [{ id: "shipping", grade: 1 }],
        filter: { topic: "orders" },
      },
    ],
  });
  expect((await call("GET", "/v1/evaluations")).body.sets).toEqual([created.body]);
  const again = { name: "faq", questions: QUESTIONS, variants };
  expect(await call("POST", "/v1/evaluations", again)).toMatchObject({ status: 409, body: { code: "already_exists" } });
  expect((await call("POST", "/v1/evaluations", { ...again, replace: true })).body.id).toBe(created.body.id);
});

test("a run is a job with progress, whose result and questions can be read", async () => {
  const started = await call("POST", "/v1/evaluations/faq/runs", { baseline: "vector" });
  expect(started).toMatchObject({ status: 202, body: { kind: "evaluate" } });
  const job = await waitForEnd(started.body.id);
  expect(job).toMatchObject({
    status: "completed",
    counts: { questions: 2, searched: 2 },
    result: {
      variants: [
        { name: "keyword", hit: 1, differences: { ndcg: { mean: expect.any(Number) } } },
        { name: "vector", differences: null },
      ],
    },
  });
  const { body } = await call("GET", `/v1/evaluations/faq/runs/${job.result.run}`);
  expect(body).toMatchObject({ baseline: "vector", questions: 2, started_by: "request" });
  expect(body.per_question[0]).toMatchObject({
    variant: "keyword",
    results: [
      { id: "1", mrr: 1 },
      { id: "b", mrr: 1, ids: ["shipping"] },
    ],
  });
  const listed = await call("GET", "/v1/evaluations/faq/runs?limit=1");
  expect(listed.body.runs).toMatchObject([{ id: job.result.run, variants: [{ name: "keyword" }, { name: "vector" }] }]);
  const other = await call("POST", "/v1/evaluations/faq/runs", { variants: [{ mode: "hybrid", collection: "none" }] });
  expect(await waitForEnd(other.body.id)).toMatchObject({ status: "failed", last_error: { code: "not_found" } });
});

test("a change of model with a question set that becomes worse fails, and the collection keeps its model", async () => {
  const model = "openai/text-embedding-3-small"; // the API of the tests returns vectors without a meaning
  const body = { collection: "judged", model, evaluate: "faq", max_drop: 0 };
  const job = await waitForEnd((await call("POST", "/v1/reindex", body)).body.id);
  expect(job).toMatchObject({ status: "failed", last_error: { code: "quality_dropped" } });
  expect((await call("GET", "/v1/collections/judged")).body.embedding_model).toBe("offline/words");
  const [run] = (await call("GET", "/v1/evaluations/faq/runs?limit=1")).body.runs;
  expect(run).toMatchObject({ started_by: "gate", variants: [{ name: "vector, before" }, { name: "vector, after" }] });
  const accepted = await waitForEnd((await call("POST", "/v1/reindex", { ...body, max_drop: 1 })).body.id);
  expect(accepted).toMatchObject({ status: "completed", result: { collection: "judged" } });
  expect(await call("POST", "/v1/reindex", { evaluate: "faq" })).toMatchObject({
    status: 400,
    body: { path: "evaluate" },
  });
});

test("a set that is deleted or missing is not found, and invalid questions are refused with their path", async () => {
  expect((await call("DELETE", "/v1/evaluations/faq")).status).toBe(204);
  for (const path of ["", "/runs", "/runs/00000000-1111-2222-3333-444444444444"])
    expect((await call("GET", `/v1/evaluations/faq${path}`)).status, path).toBe(404);
  expect((await call("POST", "/v1/evaluations/faq/runs", {})).status).toBe(404);
  const twice = [QUESTIONS[1], QUESTIONS[1]];
  expect(await call("POST", "/v1/evaluations", { name: "no", questions: twice })).toMatchObject({
    status: 400,
    body: { path: "questions[1].id" },
  });
});
