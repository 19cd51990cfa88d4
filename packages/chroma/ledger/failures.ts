import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { MigratedSource } from "../plan/targets.ts";
import type { ChromaPath } from "../protocol/path.ts";
import { assertLease, type Run } from "./run.ts";

/** A collection that failed alone, while the others of its run continued. */
export interface FailedCollection {
  readonly source: MigratedSource;
  /** The error's code; `internal` for an unknown error. */
  readonly code: string;
  /** The reason, without any text of a document. */
  readonly detail: string;
}

/** A failure as the ledger stores it. */
export interface RecordedFailure extends FailedCollection {
  /** Attempts since the last start of the run. */
  readonly attempts: number;
}

/** Attempts for a collection that fails alone, for each start of a run. */
export const MAX_ATTEMPTS = 2;

type StoredFailure = Omit<RecordedFailure, "source"> & ChromaPath;

/** Saves the failure of a collection. Throws `run_held` if this process has lost the lease. */
export async function saveFailure(database: Database, run: Run, failed: FailedCollection): Promise<void> {
  const { id, ...path } = failed.source;
  const facts = Object.entries({ ...path, code: failed.code, detail: failed.detail });
  const entry = JSON.stringify(Object.fromEntries(facts.map(([key, text]) => [key, toStorableText(text)])));
  await database.transaction(async (transaction) => {
    await assertLease(transaction, run);
    await transaction.orm.execute(sql`
      UPDATE cairn.migration_runs
      SET failures = failures || jsonb_build_object(${id}::text, ${entry}::jsonb || jsonb_build_object(
        'attempts', coalesce((failures -> ${id}::text ->> 'attempts')::int, 0) + 1))
      WHERE id = ${run.id}::uuid`);
  });
}

/** Deletes the failure of a collection, if any, after a successful attempt. */
export async function forgetFailure(database: Database, run: Run, sourceId: string): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.migration_runs SET failures = failures - ${sourceId}::text
                    WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint AND failures ? ${sourceId}::text`),
  );
}

/** The collections that failed since the last start of the run, by source id. */
export async function readFailures(database: Database, runId: string): Promise<ReadonlyMap<string, RecordedFailure>> {
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ failures: string }>(
      sql`SELECT failures::text AS failures FROM cairn.migration_runs WHERE id = ${runId}::uuid`,
    ),
  );
  const entries = Object.entries(JSON.parse(row?.failures ?? "{}") as Record<string, StoredFailure>);
  return new Map(
    entries.map(([id, { code, detail, attempts, ...path }]) => [
      id,
      { source: { id, ...path }, code, detail, attempts },
    ]),
  );
}

/** The text without NUL and lone surrogates, which jsonb rejects. */
function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "");
}
