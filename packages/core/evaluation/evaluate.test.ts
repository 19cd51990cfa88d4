import { beforeAll, expect, test } from "vitest";
import { KNOWLEDGE, QUESTIONS } from "../../../test/support/evaluation.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { reembeddingOf } from "../../../test/support/reembedding.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { evaluate } from "./evaluate.ts";
import { defaultVariants } from "./variant.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const { services, embedded } = reembeddingOf(own, tenantId);

beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: "test/old", dimensions: 64 });
  await ingest(services, tenantId, { documents: KNOWLEDGE });
  await createCollection(own.database, tenantId, { name: "half", embeddingModel: "test/old", dimensions: 64 });
  await ingest(services, tenantId, { collection: "half", documents: KNOWLEDGE.slice(0, 2) });
});

test("each question is asked with each variant, and variants are compared with the first", async () => {
  const progress: string[] = [];
  const evaluation = await evaluate(services, tenantId, {
    questions: QUESTIONS,
    variants: [...defaultVariants(), { name: "half", options: { collection: "half", mode: "keyword" } }],
    onProgress: ({ phase, done, total }) => progress.push(`${phase} ${done}/${total}`),
  });
  expect(evaluation).toMatchObject({ questions: 5, cutoff: 10, baseline: "vector" });
  expect(evaluation.variants.map(({ name, collection, model }) => ({ name, collection, model }))).toEqual([
    { name: "vector", collection: "knowledge", model: "test/old" },
    { name: "keyword", collection: "knowledge", model: "test/old" },
    { name: "hybrid", collection: "knowledge", model: "test/old" },
    { name: "half", collection: "half", model: "test/old" },
  ]);
  const [vector, keyword, , half] = evaluation.variants;
  expect(vector).toMatchObject({ differences: null, totals: { hit: 1, empty: 0 } });
  expect(vector?.perQuestion.map(({ id, ids }) => [id, ids[0]])).toEqual([
    ["1", "returns"],
    ["2", "shipping"],
    ["3", "cleaning"],
    ["4", "jobs"],
    ["5", "warranty"],
  ]);
  expect(keyword?.latency.p95).toBeGreaterThan(0);
  expect(half?.totals).toMatchObject({ hit: 2 / 5, empty: 2 / 5 });
  expect(half?.differences?.ndcg.mean).toBeLessThan(-0.3);
  expect(progress.at(0)).toBe("embed 5/5");
  expect(progress.at(-1)).toBe("search 5/5");
});

test("a question's filter is combined with the variant's, and results are documents unless a variant groups by passage", async () => {
  const evaluation = await evaluate(services, tenantId, {
    questions: QUESTIONS,
    variants: [{ name: "care", options: { filter: { topic: "care" } } }],
    cutoff: 1,
  });
  const ids = evaluation.variants[0]?.perQuestion.flatMap((question) => question.ids) ?? [];
  expect(new Set(ids)).toEqual(new Set(["warranty", "cleaning"]));
  expect(ids).toHaveLength(5);
});

test("questions are embedded once: a second run and other variants of the same model embed nothing", async () => {
  const questions = QUESTIONS.map((question) => ({ ...question, text: `${question.text}, please` }));
  const cacheable = {
    ...services,
    database: own.database,
    embedders: {
      ...services.embedders,
      get: (model: string) => ({ ...services.embedders.get(model), cacheable: true, embed: embedAndReport(model) }),
    },
  };
  /** The offline embedder does not report batches, which the cache stores. */
  const embedAndReport =
    (model: string): ReturnType<typeof services.embedders.get>["embed"] =>
    async (texts, options) => {
      const vectors = await services.embedders.get(model).embed(texts, options);
      await options.onBatch?.(vectors.map((vector, index) => ({ index, vector: vector as Float32Array })));
      return vectors;
    };
  embedded.texts = 0;
  const first = await evaluate(cacheable, tenantId, { questions, variants: defaultVariants() });
  expect(embedded.texts).toBe(5);
  expect(first.variants[0]?.tokens).toBeGreaterThan(20);
  const second = await evaluate(cacheable, tenantId, { questions, variants: defaultVariants() });
  expect(embedded.texts).toBe(5);
  expect(second.variants[0]?.tokens).toBe(0);
  const scores = ({ variants }: typeof first) => variants.map(({ totals }) => totals);
  expect(scores(second)).toEqual(scores(first));
});

test("an evaluation stops between two questions, and refuses variants that it cannot tell apart", async () => {
  const stop = new AbortController();
  const stopped = evaluate(services, tenantId, {
    questions: QUESTIONS,
    variants: defaultVariants(),
    signal: stop.signal,
    onProgress: ({ phase }) => phase === "search" && stop.abort(new Error("stopped")),
  });
  await expect(stopped).rejects.toThrow("stopped");
  const vector = { name: "vector", options: {} };
  const run = (variants: (typeof vector)[], baseline?: string) =>
    evaluate(services, tenantId, { questions: QUESTIONS, variants, baseline });
  await expect(run([vector, vector])).rejects.toMatchObject({ code: "invalid_input", path: "variants" });
  await expect(run([])).rejects.toMatchObject({ path: "variants" });
  await expect(run([vector], "hybrid")).rejects.toMatchObject({ path: "baseline" });
  await expect(run([{ name: "none", options: { collection: "none" } as object }])).rejects.toMatchObject({
    code: "not_found",
  });
});
