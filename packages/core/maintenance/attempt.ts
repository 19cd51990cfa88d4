import { sql } from "drizzle-orm";
import { type Collection, isCollection } from "../collection/collection.ts";
import type { Database, Orm, Transaction } from "../database/database.ts";
import type { DatabaseFault } from "../database/failure.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { IndexPlan } from "../index/settings.ts";
import type { SegmentRange } from "./segment-range.ts";

/** An unfinished build. The collection's row stores it until a build succeeds. */
export interface Attempt extends SegmentRange {
  /** The build settings. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Consecutive attempts with these settings. */
  readonly attempts: number;
  /** Why it failed. Undefined: it was interrupted, possibly with the process or the server. */
  readonly reason?: string;
  readonly sqlstate?: string;
  /** Seconds since it started. */
  readonly age: number;
}

/** The settings that an index is built with. A change of one needs a rebuild. */
export const BUILD_SETTINGS = ["type", "precision", "m", "efConstruction", "lists"] as const;

export async function readAttempt(orm: Orm, collection: Collection): Promise<Attempt | undefined> {
  const [row] = await orm.selectRows<{ attempt: Attempt }>(sql`SELECT index_attempt || jsonb_build_object(
                 'age', extract(epoch FROM now() - (index_attempt->>'begun')::timestamptz)) AS attempt
        FROM cairn.collections WHERE ${isCollection(collection)} AND index_attempt IS NOT NULL`);
  return row?.attempt;
}

/** Records that a build starts. `previous`: the last unfinished attempt. */
export async function beginAttempt(
  database: Database,
  collection: Collection,
  { plan, range, previous }: { readonly plan: IndexPlan; readonly range: SegmentRange; readonly previous?: Attempt },
): Promise<void> {
  const isRepeated = previous && isSame(previous, plan, collection);
  const attempt = {
    ...range,
    settings: settingsOf(plan, collection),
    attempts: (isRepeated ? previous.attempts : 0) + 1,
  };
  await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.collections
      SET index_attempt = ${JSON.stringify(attempt)}::jsonb || jsonb_build_object('begun', now())
      WHERE ${isCollection(collection)}`),
  );
}

/** Records why a build failed. Returns the error with a remedy, or undefined if the collection no longer exists. */
export async function failAttempt(
  database: Database,
  { collection, plan }: { readonly collection: Collection; readonly plan: IndexPlan },
  error: AppError,
): Promise<AppError | undefined> {
  const sqlstate = (error.cause as Partial<DatabaseFault> | undefined)?.sqlstate;
  const reason =
    sqlstate === NUMERIC_VALUE_OUT_OF_RANGE && plan.precision === "halfvec"
      ? describeOverflow(collection)
      : `${error.message} ${REMEDY}`;
  const updated = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows(sql`
          UPDATE cairn.collections SET index_attempt = index_attempt || ${JSON.stringify({ reason, sqlstate })}::jsonb
          WHERE ${isCollection(collection)} RETURNING id`),
  );
  return updated.length > 0 ? new AppError(buildCode(error), reason, { cause: error.cause }) : undefined;
}

/** Deletes the record of the attempt when the indexes are built. */
export async function endAttempt({ orm }: Transaction, collection: Collection): Promise<void> {
  await orm.execute(sql`UPDATE cairn.collections SET index_attempt = NULL WHERE ${isCollection(collection)}`);
}

/** SQLSTATE of Postgres, for example for an element that is too large for half precision. */
export const NUMERIC_VALUE_OUT_OF_RANGE = "22003";

const REMEDY = "Change the collection's index settings, or give the index build more memory.";

function describeOverflow({ dimensions, metric }: Collection): string {
  const binary = metric === "cosine" ? `, or set the index setting precision to "bit"` : "";
  return (
    "A vector has an element beyond 65,504, the maximum of a half-precision index, and pgvector has no full-precision index " +
    `over 2,000 dimensions (the collection has ${dimensions}). Scale the vector or delete it${binary}.`
  );
}

/** No caller requested the build, so its failure is not an `invalid_input`, even if a stored value causes it. */
function buildCode({ code }: AppError): AppError["code"] {
  return code === "invalid_input" ? "database_error" : code;
}

/** Seconds to wait after the second attempt. The wait doubles with each further attempt, up to a day. */
const RETRY_DELAY_SECONDS = 900;
const MAX_RETRY_DELAY_SECONDS = 86_400;

/** Seconds until the build is retried. Undefined: the cause of the failure has not changed, so a retry would fail again. */
export function retryDelay(
  attempt: Attempt,
  current: { readonly plan: IndexPlan; readonly collection: Collection; readonly rows: number },
): number | undefined {
  if (!isSame(attempt, current.plan, current.collection)) return 0;
  // A data exception (class 22) is caused by the rows. An edited row leaves its segment, as a deleted row does.
  if (attempt.sqlstate?.startsWith("22") && current.rows === attempt.rows) return undefined;
  if (attempt.attempts < 2) return 0;
  const delay = Math.min(MAX_RETRY_DELAY_SECONDS, RETRY_DELAY_SECONDS * 2 ** (attempt.attempts - 2));
  return Math.max(0, delay - attempt.age);
}

function isSame({ settings }: Attempt, plan: IndexPlan, collection: Collection): boolean {
  const requested: Readonly<Record<string, unknown>> = settingsOf(plan, collection);
  return [...BUILD_SETTINGS, "language"].every((key) => settings[key] === requested[key]);
}

function settingsOf(plan: IndexPlan, { language }: Collection) {
  return { ...plan, language };
}
