import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";

const event = (n: number) => ({ id: `id-${n}`, collection: `c${n}`, tenant: "acme", pass: 1, done: 5, total: 10 });

test("counts the planned collections, and those that were created meanwhile", () => {
  const progress = createProgress();
  progress.plan(2);
  expect(progress.counts()).toEqual({ collections: 2, finished: 0, records: 0, of: 0 });
  for (let n = 0; n < 3; n++) progress.add({ ...event(n), phase: "copy" });
  expect(progress.counts()).toEqual({ collections: 3, finished: 0, records: 15, of: 30 });
});

test("shows what failed first, then what is in work, and counts all collections although the list is limited", () => {
  const progress = createProgress();
  for (let n = 0; n < 300; n++) progress.add({ ...event(n), phase: "copy" });
  for (let n = 0; n < 250; n++) progress.add({ ...event(n), phase: "done", done: 10 });
  progress.add({ ...event(7), phase: "failed", detail: "x".repeat(2_000) });
  expect(progress.counts()).toEqual({ collections: 300, finished: 250, records: 1_500, of: 3_000 });
  const { progress: list } = progress.partial() as { progress: { id: string; phase: string; detail: string | null }[] };
  expect(list.length).toBe(200);
  expect(list[0]).toMatchObject({ id: "id-7", phase: "failed", detail: "x".repeat(500) });
  expect(list.slice(1, 51).every(({ phase }) => phase === "copy")).toBe(true);
  expect(list[51]).toMatchObject({ id: "id-249", phase: "done", detail: null });
});
