import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeLargeJson, type JsonObject } from "../database/json.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { writeLargeJson } from "../database/write-json.ts";
import { AppError } from "../error.ts";
import type { Evaluation, QuestionResult, VariantResult } from "./evaluation.ts";
import type { QuestionSet } from "./set.ts";

/** What started a run: a user, the schedule of the set, or a change of model that needs its result. */
export type RunStart = "request" | "schedule" | "gate";

/** A stored run, without the results of single questions. */
export interface EvaluationRun {
  readonly id: string;
  readonly setId: string;
  readonly fingerprint: string;
  readonly startedBy: RunStart;
  readonly createdAt: Date;
  readonly summary: EvaluationSummary;
}

export interface EvaluationSummary extends Omit<Evaluation, "variants"> {
  readonly variants: readonly Omit<VariantResult, "perQuestion">[];
}

/** Maximum stored runs of a set. The oldest are deleted. */
const MAX_RUNS = 200;

/** An evaluation without the results of single questions. */
export function summarize({ variants, ...evaluation }: Evaluation): EvaluationSummary {
  return { ...evaluation, variants: variants.map(({ perQuestion: _, ...variant }) => variant) };
}

/** Stores the result of a set. Returns the id of the run. Throws `not_found` if the set was deleted. */
export async function saveRun(
  database: Database,
  set: QuestionSet,
  { evaluation, startedBy }: { readonly evaluation: Evaluation; readonly startedBy: RunStart },
): Promise<string> {
  const tenant = uuidLiteral(set.tenantId);
  const summary = await writeLargeJson(summarize(evaluation) as unknown as JsonObject);
  const scores = await writeLargeJson({
    variants: evaluation.variants.map(({ perQuestion }) => perQuestion),
  } as unknown as JsonObject);
  return asTenant(database, set.tenantId, async ({ orm }) => {
    const [run] = await orm.selectRows<{ id: string }>(sql`
      INSERT INTO cairn.evaluation_runs (tenant_id, set_id, fingerprint, started_by, summary, scores)
      SELECT tenant_id, id, ${set.fingerprint}, ${startedBy}, ${summary}::jsonb, ${scores}::jsonb
      FROM cairn.evaluation_sets WHERE tenant_id = ${tenant} AND id = ${uuidLiteral(set.id)} RETURNING id`);
    if (!run) throw new AppError("not_found", `Question set ${JSON.stringify(set.name)} does not exist.`);
    await orm.execute(sql`
      DELETE FROM cairn.evaluation_runs WHERE tenant_id = ${tenant} AND id IN (
        SELECT id FROM cairn.evaluation_runs WHERE tenant_id = ${tenant} AND set_id = ${uuidLiteral(set.id)}
        ORDER BY created_at DESC, id OFFSET ${MAX_RUNS}::int)`);
    return run.id;
  });
}

export interface ListRunsOptions {
  /** Maximum runs. Default 50. */
  readonly limit?: number;
  /** Only runs that were started this way. */
  readonly startedBy?: RunStart;
}

/** The runs of a set, newest first. */
export async function listRuns(
  database: Database,
  { tenantId, id }: Pick<QuestionSet, "tenantId" | "id">,
  { limit = 50, startedBy }: ListRunsOptions = {},
): Promise<readonly EvaluationRun[]> {
  const rows = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<RunRow>(sql`
      SELECT ${COLUMNS} FROM cairn.evaluation_runs
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND set_id = ${uuidLiteral(id)}
        ${startedBy ? sql`AND started_by = ${startedBy}` : sql``}
      ORDER BY created_at DESC, id LIMIT ${limit}::int`),
  );
  return Promise.all(rows.map(toRun));
}

/** A run with the results of each question. Throws `not_found`, also for another tenant's run or another set's. */
export async function getRun(
  database: Database,
  set: Pick<QuestionSet, "tenantId" | "id">,
  runId: string,
): Promise<EvaluationRun & { readonly evaluation: Evaluation }> {
  const [row] = UUID.test(runId)
    ? await asTenant(database, set.tenantId, ({ orm }) =>
        orm.selectRows<RunRow & { readonly scores: string }>(sql`
          SELECT ${COLUMNS}, scores::text AS scores FROM cairn.evaluation_runs
          WHERE tenant_id = ${uuidLiteral(set.tenantId)} AND set_id = ${uuidLiteral(set.id)} AND id = ${uuidLiteral(runId)}`),
      )
    : [];
  if (!row) throw new AppError("not_found", `Run ${JSON.stringify(runId)} of the question set does not exist.`);
  const run = await toRun(row);
  const scores = (await decodeLargeJson(row.scores)) as unknown as {
    readonly variants: readonly (readonly QuestionResult[])[];
  };
  const variants = run.summary.variants.map((variant, index) => ({
    ...variant,
    perQuestion: scores.variants[index] ?? [],
  }));
  return { ...run, evaluation: { ...run.summary, variants } };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const COLUMNS = sql`id, set_id, fingerprint, started_by, summary::text AS summary,
  to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at`;

interface RunRow {
  readonly id: string;
  readonly set_id: string;
  readonly fingerprint: string;
  readonly started_by: RunStart;
  readonly summary: string;
  readonly created_at: string;
}

async function toRun(row: RunRow): Promise<EvaluationRun> {
  return {
    id: row.id,
    setId: row.set_id,
    fingerprint: row.fingerprint,
    startedBy: row.started_by,
    createdAt: new Date(row.created_at),
    summary: (await decodeLargeJson(row.summary)) as unknown as EvaluationSummary,
  };
}
