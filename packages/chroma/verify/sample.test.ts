import fc from "fast-check";
import { expect, test } from "vitest";
import type { Source, SourceCollection, SourceRecord } from "../source/source.ts";
import { overlap } from "./parity.ts";
import { addNoise, divideQueries, sampleVectors } from "./sample.ts";

test.each([
  [[10, 10], 6, [3, 3]],
  [[5, 100, 0, 7], 3, [1, 1, 0, 1]],
  [[5, 100, 7], 1, [0, 1, 0]],
  [[5, 100, 7], 5, [1, 2, 2]],
  [[0, 0], 5, [0, 0]],
  [[], 5, []],
  [[3], 0, [0]],
])("collections of %j records share %i queries as %j", (counts, queries, shares) => {
  expect(divideQueries(counts, queries)).toEqual(shares);
});

test("all queries are assigned to collections with records, as evenly as possible", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(200), (counts, queries) => {
      const shares = divideQueries(counts, queries);
      const own = shares.filter((_, index) => (counts[index] ?? 0) > 0);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(own.length === 0 ? 0 : queries);
      if (own.length > 0) expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
    }),
  );
});

const records = Array.from({ length: 100 }, (_, index): SourceRecord => {
  const embedding = index % 10 === 0 ? Float32Array.of(0, 0) : index % 10 === 5 ? null : Float32Array.of(index, 1);
  return { id: `${index}`, document: null, uri: null, metadata: null, embedding };
});
const source = {
  listIds: async (_: SourceCollection, { offset, limit }: { offset: number; limit: number }) =>
    records.slice(offset, offset + limit).map(({ id }) => id),
  getRecords: async (_: SourceCollection, ids: readonly string[]) =>
    new Map(records.filter(({ id }) => ids.includes(id)).map((record) => [record.id, record])),
} as unknown as Source;
const collection = {} as SourceCollection;

test("samples are spread over the collection, and only usable vectors are taken", async () => {
  const sample = await Array.fromAsync(sampleVectors(source, collection, 100, 4));
  expect(sample.map(([index]) => index)).toEqual([12, 37, 62, 87]);
  for await (const vector of sampleVectors(source, collection, 100, 100))
    expect(vector.some((element) => element !== 0)).toBe(true);
  expect(await Array.fromAsync(sampleVectors(source, collection, 100, 1_000))).toHaveLength(80);
});

test("a sample is read as it is consumed, and its vectors are never in memory all at once", async () => {
  const many = Array.from({ length: 2_000 }, (_, index): SourceRecord => {
    return {
      id: `${index}`,
      document: null,
      uri: null,
      metadata: null,
      embedding: Float32Array.of(index, 1),
    };
  });
  let read = 0;
  const counting = {
    listIds: async (_: SourceCollection, { offset }: { offset: number }) => [`${offset}`],
    async getRecords(_: SourceCollection, ids: readonly string[]) {
      read += ids.length;
      return new Map(ids.map((id) => [id, many[Number(id)]]));
    },
  } as unknown as Source;
  let taken = 0;
  for await (const _ of sampleVectors(counting, collection, 2_000, 2_000)) expect(read - ++taken).toBeLessThan(100);
  expect(taken).toBe(2_000);
});

test("a collection that is empty or deleted, or has no share of the queries, is not read", async () => {
  const gone = {
    listIds: () => Promise.reject(new Error("gone")),
    getRecords: () => Promise.reject(new Error("gone")),
  } as unknown as Source;
  expect(await Array.fromAsync(sampleVectors(gone, collection, 0, 5))).toEqual([]);
  expect(await Array.fromAsync(sampleVectors(gone, collection, 5, 0))).toEqual([]);
});

test("a query is near its record, differs from it, and is deterministic", () => {
  const vector = Float32Array.from({ length: 200 }, (_, index) => Math.sin(index));
  const near = addNoise(vector, 7);
  expect(addNoise(vector, 7)).toEqual(near);
  expect(addNoise(vector, 8)).not.toEqual(near);
  const length = Math.hypot(...vector);
  const distance = Math.hypot(...near.map((element, index) => element - (vector[index] ?? 0)));
  expect(distance / length).toBeGreaterThan(0.1);
  expect(distance / length).toBeLessThan(0.35);
});

const hits = (...pairs: readonly (readonly [string, number])[]) => pairs.map(([id, distance]) => ({ id, distance }));

test.each([
  ["the same", hits(["a", 0.1], ["b", 0.2]), hits(["a", 0.1], ["b", 0.2]), 1],
  ["another order", hits(["b", 0.2], ["a", 0.1]), hits(["a", 0.1], ["b", 0.2]), 1],
  ["a tie at the end", hits(["a", 0.1], ["c", 0.2]), hits(["a", 0.1], ["b", 0.2]), 1],
  ["a tie within the tolerance", hits(["a", 0.1], ["c", 0.200005]), hits(["a", 0.1], ["b", 0.2]), 1],
  ["a worse hit", hits(["a", 0.1], ["c", 0.21]), hits(["a", 0.1], ["b", 0.2]), 0.5],
  ["too few", hits(["a", 0.1]), hits(["a", 0.1], ["b", 0.2]), 0.5],
  ["more than the truth", hits(["a", 0.1], ["b", 0.2], ["c", 0.2]), hits(["a", 0.1], ["b", 0.2]), 1],
  ["negative distances that tie", hits(["x", -50.0001]), hits(["y", -50]), 1],
  ["nothing of something", hits(), hits(["a", 0.1]), 0],
  ["nothing of nothing", hits(), hits(), 1],
  ["something of nothing", hits(["a", 0.1]), hits(), 0],
] as const)("overlap of %s", (_name, answer, truth, share) => {
  expect(overlap(answer, truth)).toBe(share);
});
