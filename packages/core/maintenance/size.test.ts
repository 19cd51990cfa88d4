import { expect, test } from "vitest";
import { INDEX_DEFAULTS } from "../collection/index-settings.ts";
import { sizeBuild } from "./size.ts";

const helpers = (options: { readonly memory?: number; readonly workers?: number }) =>
  sizeBuild({ kind: "pg" }, { plan: INDEX_DEFAULTS, rows: 100_000, dimensions: 1_536 }, options).settings
    .max_parallel_maintenance_workers;

test("two processes help with a build unless told, and none with little memory, where pgvector may overflow", () => {
  expect(helpers({})).toBe("2");
  expect(helpers({ workers: 5 })).toBe("5");
  expect(helpers({ workers: 0 })).toBe("0");
  expect(helpers({ memory: 64 })).toBe("2");
  for (const memory of [1, 3, 63]) expect(helpers({ memory, workers: 2 })).toBe("0");
});
