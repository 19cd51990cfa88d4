import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { decodeLargeJson, type JsonObject, stringifyJson } from "../database/json.ts";
import { decodeText, encodeText } from "../database/text.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { writeLargeJson } from "../database/write-json.ts";
import { AppError } from "../error.ts";
import { assertQuestions, type Question } from "./question.ts";
import { assertVariants, type Variant } from "./variant.ts";

/** A stored set of questions, without the questions. */
export interface QuestionSet {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly questions: number;
  /** SHA-256 of the questions, in hex. Only runs of the same questions are compared. */
  readonly fingerprint: string;
  readonly settings: SetSettings;
  /** When the schedule runs it next. Null: it has no schedule. */
  readonly dueAt: Date | null;
  readonly createdAt: Date;
}

export interface SetSettings {
  /** Variants of its runs. Default: the three modes. */
  readonly variants?: readonly Variant[];
  /** Default 10. */
  readonly cutoff?: number;
  /** Hours between two scheduled runs, 1 to 8,760. Default: it has no schedule. */
  readonly everyHours?: number;
  /** Drop of nDCG against earlier scheduled runs above which an alarm is raised. Default 0.02. */
  readonly maxDrop?: number;
}

export interface NewQuestionSet {
  /** Unique for the tenant, 1 to 200 characters. */
  readonly name: string;
  readonly questions: readonly Question[];
  readonly settings?: SetSettings;
  /** Whether a set of this name is replaced; its runs are kept. Default false. */
  readonly replace?: boolean;
}

/** Maximum questions of a stored set. */
export const MAX_QUESTIONS = 2_000;

/** Maximum judged documents of all questions of a stored set. */
const MAX_JUDGEMENTS = 100_000;

/** Maximum stored sets of a tenant. */
const MAX_SETS = 100;

/** Stores a set. Throws `already_exists`, `invalid_input`, or `not_found` for a tenant that does not exist. */
export async function createSet(database: Database, tenantId: string, set: NewQuestionSet): Promise<QuestionSet> {
  assertSet(set);
  const { name, settings = {}, replace = false } = set;
  const text = await writeLargeJson({ questions: set.questions.map(toStored) });
  const fingerprint = createHash("sha256").update(text).digest("hex");
  const due = settings.everyHours === undefined ? sql`NULL` : sql`now()`;
  try {
    return await asTenant(database, tenantId, async ({ orm }) => {
      const conflict = replace
        ? sql`DO UPDATE SET questions = excluded.questions, question_count = excluded.question_count,
              fingerprint = excluded.fingerprint, settings = excluded.settings, due_at = excluded.due_at`
        : sql`DO NOTHING`;
      const [created] = await orm.selectRows<SetRow>(sql`
        INSERT INTO cairn.evaluation_sets (tenant_id, name, questions, question_count, fingerprint, settings, due_at)
        VALUES (${uuidLiteral(tenantId)}, ${encodeText(name)}, ${text}::jsonb, ${set.questions.length}::int, ${fingerprint},
                ${encodeText(stringifyJson(settings))}::jsonb, ${due})
        ON CONFLICT (tenant_id, name) ${conflict}
        RETURNING ${COLUMNS}`);
      if (!created)
        throw new AppError(
          "already_exists",
          `The question set cannot be created: ${JSON.stringify(name)} already exists. Choose another name, or delete the existing set.`,
          { path: "name" },
        );
      await assertSetLimit(orm, tenantId);
      return toSet(created);
    });
  } catch (error) {
    if (hasSqlState(error, "23503"))
      throw new AppError("not_found", `There is no tenant ${tenantId}.`, { remedy: "list_tenants", cause: error });
    throw error;
  }
}

async function assertSetLimit(orm: Orm, tenantId: string): Promise<void> {
  const [{ sets } = { sets: 0 }] = await orm.selectRows<{ sets: number }>(
    sql`SELECT count(*)::float8 AS sets FROM cairn.evaluation_sets WHERE tenant_id = ${uuidLiteral(tenantId)}`,
  );
  if (sets > MAX_SETS)
    throw new AppError(
      "invalid_input",
      `The question set cannot be created: the tenant already has ${MAX_SETS} sets. Delete one first.`,
      { path: "name" },
    );
}

/** The tenant's sets, by name. */
export async function listSets(database: Database, tenantId: string): Promise<readonly QuestionSet[]> {
  const rows = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<SetRow>(
      sql`SELECT ${COLUMNS} FROM cairn.evaluation_sets WHERE tenant_id = ${uuidLiteral(tenantId)} ORDER BY name`,
    ),
  );
  return rows.map(toSet);
}

/** The tenant's set of this name or id. Throws `not_found`, also for another tenant's set. */
export async function getSet(database: Database, tenantId: string, nameOrId: string): Promise<QuestionSet> {
  const [row] = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<SetRow>(
      sql`SELECT ${COLUMNS} FROM cairn.evaluation_sets WHERE ${isSet(tenantId, nameOrId)} LIMIT 1`,
    ),
  );
  if (!row) throw setNotFound(nameOrId);
  return toSet(row);
}

/** The questions of a set, in their order. Throws `not_found`. */
export async function readSetQuestions(
  database: Database,
  { tenantId, id }: Pick<QuestionSet, "tenantId" | "id">,
): Promise<readonly Question[]> {
  const [row] = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ questions: string }>(
      sql`SELECT questions::text AS questions FROM cairn.evaluation_sets
          WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`,
    ),
  );
  if (!row) throw setNotFound(id);
  const { questions } = (await decodeLargeJson(row.questions)) as unknown as { questions: readonly StoredQuestion[] };
  return questions.map(fromStored);
}

/** Deletes a set with its runs. Throws `not_found`. */
export async function deleteSet(database: Database, tenantId: string, nameOrId: string): Promise<QuestionSet> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const [row] = await orm.selectRows<SetRow>(
      sql`DELETE FROM cairn.evaluation_sets WHERE ${isSet(tenantId, nameOrId)} RETURNING ${COLUMNS}`,
    );
    if (!row) throw setNotFound(nameOrId);
    await orm.execute(
      sql`DELETE FROM cairn.evaluation_runs WHERE tenant_id = ${uuidLiteral(tenantId)} AND set_id = ${uuidLiteral(row.id)}`,
    );
    return toSet(row);
  });
}

/** The sets whose scheduled run is due. Each is returned once: the next call finds it after its interval. */
export async function claimDueSets(database: Database, tenantId: string): Promise<readonly QuestionSet[]> {
  const rows = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<SetRow>(sql`
      UPDATE cairn.evaluation_sets SET due_at = now() + (settings->>'everyHours')::float8 * interval '1 hour'
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND due_at <= now() RETURNING ${COLUMNS}`),
  );
  return rows.map(toSet);
}

function assertSet({ name, questions, settings: { variants, everyHours } = {} }: NewQuestionSet): void {
  const refuse = (path: string, message: string) =>
    new AppError("invalid_input", `The question set cannot be created: ${message}`, { path });
  if (name === "" || name.length > 200) throw refuse("name", "its name has 1 to 200 characters.");
  if (questions.length === 0 || questions.length > MAX_QUESTIONS)
    throw refuse("questions", `it has 1 to ${MAX_QUESTIONS} questions, not ${questions.length}.`);
  assertQuestions(questions);
  const judgements = questions.reduce((sum, { grades }) => sum + grades.size, 0);
  if (judgements > MAX_JUDGEMENTS)
    throw refuse("questions", `it has at most ${MAX_JUDGEMENTS} judged documents, not ${judgements}.`);
  if (variants) assertVariants(variants);
  if (everyHours !== undefined && !(everyHours >= 1 && everyHours <= 8_760))
    throw refuse("every_hours", "the hours between two runs are 1 to 8760.");
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function isSet(tenantId: string, nameOrId: string) {
  const named = sql`name = ${encodeText(nameOrId)}`;
  return sql`tenant_id = ${uuidLiteral(tenantId)} AND ${UUID.test(nameOrId) ? sql`id = ${uuidLiteral(nameOrId)}` : named}`;
}

function setNotFound(nameOrId: string): AppError {
  return new AppError("not_found", `Question set ${JSON.stringify(nameOrId)} does not exist.`);
}

const COLUMNS = sql`tenant_id, id, name, question_count, fingerprint, settings::text AS settings,
  to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS due_at,
  to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at`;

interface SetRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly name: string;
  readonly question_count: number;
  readonly fingerprint: string;
  readonly settings: string;
  readonly due_at: string | null;
  readonly created_at: string;
}

function toSet(row: SetRow): QuestionSet {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    name: decodeText(row.name),
    questions: row.question_count,
    fingerprint: row.fingerprint,
    settings: JSON.parse(decodeText(row.settings)) as SetSettings,
    dueAt: row.due_at === null ? null : new Date(row.due_at),
    createdAt: new Date(row.created_at),
  };
}

interface StoredQuestion {
  readonly id: string;
  readonly question: string;
  readonly relevant: readonly (readonly [id: string, grade: number])[];
  readonly filter?: unknown;
}

function toStored({ id, text, grades, filter }: Question): JsonObject {
  return { id, question: text, relevant: [...grades], ...(filter == null ? {} : { filter: filter as JsonObject }) };
}

function fromStored({ id, question, relevant, filter }: StoredQuestion): Question {
  return { id, text: question, grades: new Map(relevant), ...(filter == null ? {} : { filter }) };
}
