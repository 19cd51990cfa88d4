import { expect, test } from "vitest";
import { indexPlan } from "./settings.ts";

const planOf = (dimensions: number, settings = {}) => indexPlan(settings, { dimensions, metric: "l2" });

test("few dimensions get more links, unless the collection sets m or efConstruction", () => {
  expect(planOf(100)).toMatchObject({ m: 16, efConstruction: 100 });
  expect(planOf(999)).toMatchObject({ m: 16, efConstruction: 100 });
  expect(planOf(1_000)).toMatchObject({ m: 10, efConstruction: 120 });
  expect(planOf(100, { m: 60 })).toMatchObject({ m: 60, efConstruction: 120 });
  expect(planOf(100, { efConstruction: 24 })).toMatchObject({ m: 10, efConstruction: 24 });
});
