import type { SetResult } from "@cairn/core/evaluation/run-set.ts";
import { expect, test, vi } from "vitest";
import { createEvaluationMonitor } from "./evaluations.ts";

const resultOf = (variant: string, ndcg: number, before?: number): SetResult => ({
  set: {
    tenantId: "t",
    id: "s",
    name: "nightly",
    questions: 1,
    fingerprint: "",
    settings: {},
    dueAt: null,
    createdAt: new Date(0),
  },
  run: "r",
  evaluation: {
    version: 1,
    createdAt: "2026-11-30T12:00:00.000Z",
    questions: 1,
    cutoff: 10,
    baseline: variant,
    seconds: 1,
    variants: [
      {
        name: variant,
        options: {},
        collection: "knowledge",
        model: null,
        totals: { ndcg, recall: 0, mrr: 0, hit: 0, empty: 0 },
        latency: { p50: 1, p95: 1 },
        tokens: 0,
        differences: null,
        perQuestion: [],
      },
    ],
  },
  drops: before === undefined ? [] : [{ variant, ndcg, before }],
});

test("a drop is logged with its code, and metrics have the last run of each variant", async () => {
  const failure = vi.fn();
  const monitor = createEvaluationMonitor({ failure });
  monitor.observe(resultOf("vector", 0.5));
  monitor.observe(resultOf("hybrid", 0.6));
  expect(failure).not.toHaveBeenCalled();
  monitor.observe(resultOf("vector", 0.4, 0.5));
  expect(failure).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "quality_dropped" }), {
    about: "a scheduled evaluation",
    tenant: "t",
    set: "s",
    variant: "vector",
    ndcg: "0.4000",
    before: "0.5000",
  });
  const labels = (variant: string) => ({ tenant: "t", set: "s", variant });
  const families = await monitor.metrics();
  expect(families.map(({ name, samples }) => [name, samples])).toEqual([
    [
      "cairn_evaluation_ndcg",
      [
        { labels: labels("hybrid"), value: 0.6 },
        { labels: labels("vector"), value: 0.4 },
      ],
    ],
    [
      "cairn_evaluation_dropped",
      [
        { labels: labels("hybrid"), value: 0 },
        { labels: labels("vector"), value: 1 },
      ],
    ],
  ]);
});
