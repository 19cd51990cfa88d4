import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { meanScores, percentile, type Scores, scoreRanking } from "./metrics.ts";

const read = (name: string) => readFile(new URL(`fixture/${name}`, import.meta.url), "utf8");

test("nDCG, recall and reciprocal rank of a ranking follow from its grades", () => {
  const grades = new Map([
    ["a", 3],
    ["b", 2],
    ["c", 1],
    ["z", 0],
  ]);
  // 2/log2(2) + 3/log2(4) + 1/log2(6) over 3/log2(2) + 2/log2(3) + 1/log2(4)
  const expected = (2 + 3 / 2 + 1 / Math.log2(6)) / (3 + 2 / Math.log2(3) + 1 / 2);
  expect(scoreRanking(["b", "x", "a", "z", "c"], grades, 10)).toEqual({
    ndcg: expect.closeTo(expected, 12),
    recall: 1,
    mrr: 1,
    hit: 1,
    empty: 0,
  });
  expect(scoreRanking(["x", "a"], grades, 1)).toEqual({ ndcg: 0, recall: 0, mrr: 0, hit: 0, empty: 0 });
  expect(scoreRanking([], grades, 10)).toEqual({ ndcg: 0, recall: 0, mrr: 0, hit: 0, empty: 1 });
});

test("a document with several passages among the results counts once, at its best rank", () => {
  const grades = new Map([["a", 1]]);
  const scores = scoreRanking(["x", "x", "x", "a", "a"], grades, 2);
  expect(scores).toMatchObject({ mrr: 0.5, recall: 1, ndcg: 1 / Math.log2(3) });
});

test("the 95th percentile is the smallest value that 95 of 100 values do not exceed", () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect([percentile(values, 0.5), percentile(values, 0.95), percentile([7], 0.95), percentile([], 0.5)]).toEqual([
    50, 95, 7, 0,
  ]);
});

/**
 * trec-eval.txt is what the program wrote for trec.qrels and trec.run, two random files whose first three questions can be
 * checked by hand: `trec_eval -q -c -m ndcg_cut.5,10 -m recall.5,10 -m success.5,10 -m recip_rank`, version 10.0-rc3
 * (github.com/usnistgov/trec_eval, commit f4253652). It prints four decimals.
 */
describe("trec_eval computes the same", async () => {
  const grades = new Map<string, Map<string, number>>();
  for (const line of (await read("trec.qrels")).trim().split("\n")) {
    const [query = "", , id = "", grade] = line.split(" ");
    grades.set(query, (grades.get(query) ?? new Map<string, number>()).set(id, Number(grade)));
  }
  const rankings = new Map<string, string[]>();
  for (const line of (await read("trec.run")).trim().split("\n")) {
    const [query = "", , id = ""] = line.split(" ");
    rankings.set(query, [...(rankings.get(query) ?? []), id]);
  }
  const scoresAt = (k: number) =>
    new Map([...grades].map(([query, own]) => [query, scoreRanking(rankings.get(query) ?? [], own, k)]));
  const at = { 5: scoresAt(5), 10: scoresAt(10) };
  const names: Readonly<Record<string, readonly [keyof Scores, 5 | 10]>> = {
    ndcg_cut_5: ["ndcg", 5],
    ndcg_cut_10: ["ndcg", 10],
    recall_5: ["recall", 5],
    recall_10: ["recall", 10],
    success_5: ["hit", 5],
    success_10: ["hit", 10],
    recip_rank: ["mrr", 10],
  };
  const lines = (await read("trec-eval.txt")).trim().split("\n");
  const expected = lines.map((line) => line.trim().split(/\s+/) as [string, string, string]);

  test.for(Object.keys(names))("%s, for each question and for all", (name) => {
    const [metric, k] = names[name] as readonly [keyof Scores, 5 | 10];
    const own = expected.filter(([measure]) => measure === name);
    expect(own).toHaveLength(13); // 12 questions and their mean
    for (const [, query, value] of own) {
      const scores = query === "all" ? meanScores([...at[k].values()]) : at[k].get(query);
      expect(scores?.[metric].toFixed(4), `${name} of ${query}`).toBe(value);
    }
  });
});
