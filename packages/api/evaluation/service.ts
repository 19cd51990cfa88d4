import type { Database } from "@cairn/core/database/database.ts";
import { assertQuality } from "@cairn/core/evaluation/gate.ts";
import { getRun, listRuns } from "@cairn/core/evaluation/run.ts";
import { createSet, deleteSet, getSet, listSets, readSetQuestions } from "@cairn/core/evaluation/set.ts";
import type { Variant } from "@cairn/core/evaluation/variant.ts";
import type { ModelChangeOptions } from "@cairn/core/reembed/change.ts";
import type { Services } from "@cairn/core/services.ts";
import type { z } from "zod";
import type { newRunSchema, newSetSchema } from "../schema/evaluation.ts";
import { fromQuestion, fromRun, fromSet, toQuestions, toVariant } from "./convert.ts";
import { type EvaluateWork, evaluateSet } from "./job.ts";

// What requests and jobs about evaluations load on first use, in one piece: each piece makes the start of a function longer.

/** The response to a new question set. */
export async function createQuestionSet(database: Database, tenantId: string, body: z.infer<typeof newSetSchema>) {
  const { name, questions, variants, cutoff, every_hours: everyHours, max_drop: maxDrop, replace } = body;
  const settings = { variants: variants?.map(toVariant), cutoff, everyHours, maxDrop };
  return fromSet(await createSet(database, tenantId, { name, questions: toQuestions(questions), settings, replace }));
}

export async function listQuestionSets(database: Database, tenantId: string) {
  return { sets: (await listSets(database, tenantId)).map(fromSet) };
}

export async function getQuestionSet(database: Database, tenantId: string, nameOrId: string) {
  const set = await getSet(database, tenantId, nameOrId);
  return { ...fromSet(set), questions: (await readSetQuestions(database, set)).map(fromQuestion) };
}

export async function deleteQuestionSet(database: Database, tenantId: string, nameOrId: string): Promise<void> {
  await deleteSet(database, tenantId, nameOrId);
}

/** The request of the job that runs a set. */
export async function runRequest(
  database: Database,
  tenantId: string,
  { set, variants, ...options }: z.infer<typeof newRunSchema> & { readonly set: string },
): Promise<{ readonly set: string; readonly variants?: readonly Variant[] }> {
  const { id } = await getSet(database, tenantId, set);
  return { set: id, ...options, ...(variants ? { variants: variants.map(toVariant) } : {}) };
}

export async function listEvaluationRuns(
  database: Database,
  tenantId: string,
  { set, limit }: { readonly set: string; readonly limit: number | undefined },
) {
  return { runs: (await listRuns(database, await getSet(database, tenantId, set), { limit })).map(fromRun) };
}

export async function getEvaluationRun(
  database: Database,
  tenantId: string,
  { set, run }: { readonly set: string; readonly run: string },
) {
  const found = await getRun(database, await getSet(database, tenantId, set), run);
  const results = found.evaluation.variants.map(({ name, perQuestion }) => ({
    variant: name,
    results: perQuestion.map((result) => ({ ...result, ids: [...result.ids] })),
  }));
  return { ...fromRun(found), per_question: results };
}

/** Throws `not_found` if a change of model names a set that does not exist. */
export async function assertQuestionSet(database: Database, tenantId: string, nameOrId: string): Promise<void> {
  await getSet(database, tenantId, nameOrId);
}

/** Runs a question set as a job. */
export function runEvaluationJob(services: Services, tenantId: string, work: EvaluateWork) {
  return evaluateSet(services, tenantId, work);
}

export interface GateRequest {
  readonly set: string;
  readonly maxDrop: number | undefined;
  readonly signal: AbortSignal;
}

/** The gate of a change of model. */
export function createGate(services: Services, request: GateRequest): Required<ModelChangeOptions>["beforeSwap"] {
  return async (collections) => {
    await assertQuality(services, collections, request);
  };
}
