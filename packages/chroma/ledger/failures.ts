import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { SourcePath } from "../source/label.ts";
import { assertHeld, type Run } from "./run.ts";

/** A collection that failed by itself: the others of its run went on. */
export interface FailedCollection {
  readonly source: SourcePath & { readonly id: string };
  /** The error's code; `internal` for an error of no known kind. */
  readonly code: string;
  /** What went wrong, without any text of a document. */
  readonly detail: string;
}

/** A failure as the ledger keeps it. */
export interface RecordedFailure extends FailedCollection {
  /** How often this start of the run has tried the collection. */
  readonly attempts: number;
}

/** How often one start of a run tries a collection that fails by itself. */
export const MAX_ATTEMPTS = 2;

type Entry = Omit<RecordedFailure, "source"> & SourcePath;

/** Writes down that a collection failed. Throws `run_held` where the run is no longer this process's. */
export async function saveFailure(database: Database, run: Run, failed: FailedCollection): Promise<void> {
  const { id, ...path } = failed.source;
  const facts = Object.entries({ ...path, code: failed.code, detail: failed.detail });
  const entry = JSON.stringify(Object.fromEntries(facts.map(([key, text]) => [key, storable(text)])));
  await database.transaction(async (transaction) => {
    await assertHeld(transaction, run);
    await transaction.orm.execute(sql`
      UPDATE cairn.migration_runs
      SET failures = failures || jsonb_build_object(${id}::text, ${entry}::jsonb || jsonb_build_object(
        'attempts', coalesce((failures -> ${id}::text ->> 'attempts')::int, 0) + 1))
      WHERE id = ${run.id}::uuid`);
  });
}

/** Takes a failure back where there is one: a further attempt went well. */
export async function forgetFailure(database: Database, run: Run, sourceId: string): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.migration_runs SET failures = failures - ${sourceId}::text
                    WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint AND failures ? ${sourceId}::text`),
  );
}

/** The collections that failed in this start of the run, by their sources' ids. */
export async function readFailures(
  database: Database,
  runId: string,
): Promise<ReadonlyMap<string, RecordedFailure>> {
  const [row] = await asAdmin(database, ({ orm }) =>
    selectRows<{ failures: string }>(
      orm,
      sql`SELECT failures::text AS failures FROM cairn.migration_runs WHERE id = ${runId}::uuid`,
    ),
  );
  const entries = Object.entries(JSON.parse(row?.failures ?? "{}") as Record<string, Entry>);
  return new Map(
    entries.map(([id, { code, detail, attempts, ...path }]) => [
      id,
      { source: { id, ...path }, code, detail, attempts },
    ]),
  );
}

/** jsonb takes neither NUL nor half a surrogate pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "");
}
