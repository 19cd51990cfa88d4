import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { QUESTIONS } from "../../../test/support/evaluation.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { asTenant } from "../database/transaction.ts";
import { createTenant, deleteTenant } from "../tenant/tenant.ts";
import type { Evaluation } from "./evaluation.ts";
import { getRun, listRuns, saveRun } from "./run.ts";
import { claimDueSets, createSet, deleteSet, getSet, listSets, readSetQuestions } from "./set.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const questions = QUESTIONS;

const evaluation: Evaluation = {
  version: 1,
  createdAt: "2026-11-30T12:00:00.000Z",
  questions: 1,
  cutoff: 10,
  baseline: "vector",
  seconds: 1.5,
  variants: [
    {
      name: "vector",
      options: {},
      collection: "knowledge",
      model: "test/old",
      totals: { ndcg: 0.5, recall: 1, mrr: 0.5, hit: 1, empty: 0 },
      latency: { p50: 1, p95: 2 },
      tokens: 3,
      differences: null,
      perQuestion: [{ id: "1", ndcg: 0.5, recall: 1, mrr: 0.5, hit: 1, empty: 0, ms: 1, ids: ["a\u0000b"] }],
    },
  ],
};

test("a stored set returns its questions unchanged, and is found by name and by id", async () => {
  const odd = { id: "odd", text: "NUL \0 and half a pair \ud800", grades: new Map([["a\0", 2.5]]), filter: { n: 1 } };
  const created = await createSet(own.database, tenantId, {
    name: "faq",
    questions: [...questions, odd],
    settings: { cutoff: 5, variants: [{ name: "h", options: { mode: "hybrid" } }] },
  });
  expect(created).toMatchObject({ name: "faq", questions: 6, dueAt: null, settings: { cutoff: 5 } });
  expect(await readSetQuestions(own.database, created)).toEqual([...questions, odd]);
  expect(await getSet(own.database, tenantId, "faq")).toEqual(created);
  expect(await getSet(own.database, tenantId, created.id)).toEqual(created);
  expect(await listSets(own.database, tenantId)).toEqual([created]);
  await expect(createSet(own.database, tenantId, { name: "faq", questions })).rejects.toMatchObject({
    code: "already_exists",
  });
  const replaced = await createSet(own.database, tenantId, { name: "faq", questions, replace: true });
  expect(replaced).toMatchObject({ id: created.id, questions: 5 });
  expect(replaced.fingerprint).not.toBe(created.fingerprint);
});

test("a set without questions, with repeated ids or too many questions is refused", async () => {
  const create = (list: typeof questions) => createSet(own.database, tenantId, { name: "no", questions: list });
  await expect(create([])).rejects.toMatchObject({ code: "invalid_input", path: "questions" });
  const [first] = questions;
  await expect(create(first ? [first, first] : [])).rejects.toMatchObject({ path: "questions[1].id" });
  const many = Array.from({ length: 2_001 }, (_, n) => ({ id: `${n}`, text: "q", grades: new Map([["a", 1]]) }));
  await expect(create(many)).rejects.toMatchObject({ path: "questions" });
});

test("runs are listed newest first, read with their questions, and deleted with the set", async () => {
  const set = await createSet(own.database, tenantId, { name: "runs", questions });
  const first = await saveRun(own.database, set, { evaluation, startedBy: "request" });
  const second = await saveRun(own.database, set, { evaluation, startedBy: "schedule" });
  expect((await listRuns(own.database, set)).map(({ id }) => id)).toEqual([second, first]);
  expect(await listRuns(own.database, set, { startedBy: "schedule" })).toMatchObject([
    { id: second, fingerprint: set.fingerprint, summary: { variants: [{ name: "vector", totals: { ndcg: 0.5 } }] } },
  ]);
  expect((await getRun(own.database, set, first)).evaluation).toEqual(evaluation);
  await expect(getRun(own.database, set, "x")).rejects.toMatchObject({ code: "not_found" });
  await deleteSet(own.database, tenantId, "runs");
  expect(await listRuns(own.database, set)).toEqual([]);
  await expect(saveRun(own.database, set, { evaluation, startedBy: "request" })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a set with a schedule is due once in its interval", async () => {
  const settings = { everyHours: 24 };
  const { id } = await createSet(own.database, tenantId, { name: "nightly", questions, settings });
  expect((await claimDueSets(own.database, tenantId)).map((set) => set.id)).toEqual([id]);
  expect(await claimDueSets(own.database, tenantId)).toEqual([]);
  const { dueAt } = await getSet(own.database, tenantId, id);
  expect((dueAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(23 * 3_600_000);
});

test("a tenant does not see another one's sets and runs, and they are erased with the tenant", async () => {
  const other = await createTenant(own.database, { name: "other" });
  const set = await createSet(own.database, other.id, { name: "theirs", questions });
  const run = await saveRun(own.database, set, { evaluation, startedBy: "request" });
  await expect(getSet(own.database, tenantId, "theirs")).rejects.toMatchObject({ code: "not_found" });
  await expect(getSet(own.database, tenantId, set.id)).rejects.toMatchObject({ code: "not_found" });
  await expect(readSetQuestions(own.database, { ...set, tenantId })).rejects.toMatchObject({ code: "not_found" });
  await expect(getRun(own.database, { ...set, tenantId }, run)).rejects.toMatchObject({ code: "not_found" });
  await expect(deleteSet(own.database, tenantId, set.id)).rejects.toMatchObject({ code: "not_found" });
  await deleteTenant(own.database, other.id);
  const left = await asTenant(own.database, other.id, ({ orm }) =>
    orm.selectRows(sql`
      SELECT (SELECT count(*)::int FROM cairn.evaluation_sets) AS sets, (SELECT count(*)::int FROM cairn.evaluation_runs) AS runs`),
  );
  expect(left).toEqual([{ sets: 0, runs: 0 }]);
});
