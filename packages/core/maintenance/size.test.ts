import { expect, test } from "vitest";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import { sizeBuild } from "./size.ts";

const parallelWorkers = (options: { readonly memory?: number; readonly workers?: number }) =>
  sizeBuild({ kind: "pg" }, { plan: INDEX_DEFAULTS, rows: 100_000, dimensions: 1_536 }, options).settings
    .max_parallel_maintenance_workers;

test("a build has two parallel workers by default, and none with little memory, where pgvector may overflow", () => {
  expect(parallelWorkers({})).toBe("2");
  expect(parallelWorkers({ workers: 5 })).toBe("5");
  expect(parallelWorkers({ workers: 0 })).toBe("0");
  expect(parallelWorkers({ memory: 64 })).toBe("2");
  for (const memory of [1, 3, 63]) expect(parallelWorkers({ memory, workers: 2 })).toBe("0");
});
