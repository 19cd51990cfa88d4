import { sql } from "drizzle-orm";
import { beforeAll, expect, test, vi } from "vitest";
import { KNOWLEDGE, QUESTIONS } from "../../../test/support/evaluation.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { asTenant } from "../database/transaction.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import type { JobAddress } from "../job/job.ts";
import { getJob } from "../job/job.ts";
import { runSet } from "./run-set.ts";
import { startDueEvaluations } from "./schedule.ts";
import { createSet } from "./set.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

const keyword = { name: "keyword", options: { mode: "keyword" } } as const;
const scheduled = (set: string) => runSet(own.services, tenantId, { set, startedBy: "schedule" });

beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: "offline/words", dimensions: 64 });
  await ingest(own.services, tenantId, { documents: KNOWLEDGE });
});

test("a scheduled run whose nDCG drops beyond the margin is reported until the lower level is usual", async () => {
  const settings = { variants: [keyword], everyHours: 24 };
  const { id } = await createSet(own.database, tenantId, { name: "nightly", questions: QUESTIONS, settings });
  expect((await scheduled(id)).drops).toEqual([]);
  expect((await scheduled("nightly")).drops).toEqual([]);
  await deleteDocuments(own.database, tenantId, { ids: ["jobs"] });
  const dropped = await scheduled("nightly");
  expect(dropped.drops).toEqual([
    { variant: "keyword", ndcg: dropped.evaluation.variants[0]?.totals.ndcg, before: expect.any(Number) },
  ]);
  expect((await scheduled("nightly")).drops).toHaveLength(1); // it is compared with the best of the last runs
  const requested = await runSet(own.services, tenantId, { set: "nightly", startedBy: "request" });
  expect(requested.drops).toEqual([]);
});

test("a run of changed questions or options is not compared with earlier ones", async () => {
  await ingest(own.services, tenantId, { documents: KNOWLEDGE });
  const create = (questions: typeof QUESTIONS, filter?: object) =>
    createSet(own.database, tenantId, {
      name: "changing",
      questions,
      settings: { everyHours: 1, variants: [{ name: "keyword", options: { mode: "keyword", filter } }] },
      replace: true,
    });
  await create(QUESTIONS);
  await scheduled("changing");
  await create(QUESTIONS, { topic: "none" });
  expect((await scheduled("changing")).drops).toEqual([]);
  await create(QUESTIONS.map((question) => ({ ...question, grades: new Map([["nothing", 1]]) })));
  const { drops, evaluation } = await scheduled("changing");
  expect([drops, evaluation.variants[0]?.totals.ndcg]).toEqual([[], 0]);
});

test("the schedule starts one job for each set that is due, and an error of one tenant does not stop the others", async () => {
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.evaluation_sets SET due_at = CASE name WHEN 'nightly' THEN now() ELSE NULL END`),
  );
  const sent: JobAddress[] = [];
  const onError = vi.fn();
  const queue = { send: async (job: JobAddress) => void sent.push(job) };
  await startDueEvaluations(own.database, { queue, onError });
  await startDueEvaluations(own.database, { queue, onError });
  expect(sent).toHaveLength(1);
  expect(await getJob(own.database, sent[0] as JobAddress)).toMatchObject({ kind: "evaluate", status: "in_progress" });
  expect(onError).not.toHaveBeenCalled();
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.evaluation_sets SET due_at = now()`),
  );
  await startDueEvaluations(own.database, { queue: { send: () => Promise.reject(new Error("no queue")) }, onError });
  expect(onError).toHaveBeenCalledExactlyOnceWith(expect.any(Error), expect.objectContaining({ tenant: tenantId }));
});
