import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { IndexPlan } from "../collection/index-settings.ts";
import type { Database, Orm, Transaction } from "../database/database.ts";
import type { DatabaseFault } from "../database/failure.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { SegmentRange } from "./segment-range.ts";

/** A build that did not come to its end, as the collection's row keeps it until one does. */
export interface Attempt extends SegmentRange {
  /** What it was to be built with. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** In a row, with these settings. */
  readonly attempts: number;
  /** Undefined: broken off, perhaps with the process or the server. */
  readonly reason?: string;
  readonly sqlstate?: string;
  /** Seconds since it began. */
  readonly age: number;
}

/** What an index is made with, unlike what a search chooses. */
export const CONSTRUCTION = ["type", "precision", "m", "efConstruction", "lists"] as const;

export async function readAttempt(orm: Orm, collection: Collection): Promise<Attempt | undefined> {
  const [row] = await selectRows<{ attempt: Attempt }>(
    orm,
    sql`SELECT index_attempt || jsonb_build_object(
                 'age', extract(epoch FROM now() - (index_attempt->>'begun')::timestamptz)) AS attempt
        FROM cairn.collections WHERE ${rowOf(collection)} AND index_attempt IS NOT NULL`,
  );
  return row?.attempt;
}

/** Writes down what is about to be built. `before`: what was tried last. */
export async function beginAttempt(
  database: Database,
  collection: Collection,
  {
    plan,
    range,
    before,
  }: { readonly plan: IndexPlan; readonly range: SegmentRange; readonly before?: Attempt },
): Promise<void> {
  const again = before && isSame(before, plan, collection);
  const attempt = {
    ...range,
    settings: settingsOf(plan, collection),
    attempts: (again ? before.attempts : 0) + 1,
  };
  await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.collections
      SET index_attempt = ${JSON.stringify(attempt)}::jsonb || jsonb_build_object('begun', now())
      WHERE ${rowOf(collection)}`),
  );
}

/** Adds to the attempt why it failed, and returns that with the way out. Undefined where the collection is gone. */
export async function failAttempt(
  database: Database,
  { collection, plan }: { readonly collection: Collection; readonly plan: IndexPlan },
  error: AppError,
): Promise<AppError | undefined> {
  const sqlstate = (error.cause as Partial<DatabaseFault> | undefined)?.sqlstate;
  const reason =
    sqlstate === OUT_OF_RANGE && plan.precision === "halfvec"
      ? describeOverflow(collection)
      : `${error.message} ${WAY_OUT}`;
  const kept = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows(
      orm,
      sql`UPDATE cairn.collections SET index_attempt = index_attempt || ${JSON.stringify({ reason, sqlstate })}::jsonb
          WHERE ${rowOf(collection)} RETURNING id`,
    ),
  );
  return kept.length > 0 ? new AppError(buildCode(error), reason, { cause: error.cause }) : undefined;
}

/** The collection's indexes are built. */
export async function endAttempt({ orm }: Transaction, collection: Collection): Promise<void> {
  await orm.execute(sql`UPDATE cairn.collections SET index_attempt = NULL WHERE ${rowOf(collection)}`);
}

/** What Postgres says of an element that is too large for a 16-bit float. */
export const OUT_OF_RANGE = "22003";

const WAY_OUT = "Change the collection's index settings, or give the index build more memory.";

function describeOverflow({ dimensions, metric }: Collection): string {
  const bits = metric === "cosine" ? `, or set the index setting precision to "bit"` : "";
  return (
    "One of its vectors has an element beyond 65,504, the most that the 16-bit floats of an index hold, and over 2,000 " +
    `dimensions (it has ${dimensions}) pgvector indexes no wider ones. Scale that vector or remove it${bits}.`
  );
}

/** What no caller has asked for is not a caller's fault, though a stored value may be the reason. */
function buildCode({ code }: AppError): AppError["code"] {
  return code === "invalid_input" ? "database_error" : code;
}

/** Seconds to wait after a second attempt; twice as many after each one more, a day at most. */
const WAIT = 900;
const MAX_ADVISED_SECONDS = 86_400;

/** Seconds until it may be tried again; undefined: nothing that it failed by has changed, and it would fail again. */
export function waitFor(
  attempt: Attempt,
  now: { readonly plan: IndexPlan; readonly collection: Collection; readonly rows: number },
): number | undefined {
  if (!isSame(attempt, now.plan, now.collection)) return 0;
  // A data exception follows from the rows. An edited one leaves its segments, as a deleted one does.
  if (attempt.sqlstate?.startsWith("22") && now.rows === attempt.rows) return undefined;
  if (attempt.attempts < 2) return 0;
  return Math.max(0, Math.min(MAX_ADVISED_SECONDS, WAIT * 2 ** (attempt.attempts - 2)) - attempt.age);
}

function isSame({ settings }: Attempt, plan: IndexPlan, collection: Collection): boolean {
  const asked: Readonly<Record<string, unknown>> = settingsOf(plan, collection);
  return [...CONSTRUCTION, "language"].every((key) => settings[key] === asked[key]);
}

function settingsOf(plan: IndexPlan, { language }: Collection) {
  return { ...plan, language };
}

function rowOf({ tenantId, id }: Collection) {
  return sql`tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`;
}
