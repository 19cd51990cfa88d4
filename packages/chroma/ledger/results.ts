import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { MigratedSource } from "../plan/targets.ts";
import type { MigrationReport } from "../report/report.ts";
import type { ComparedSearches } from "../verify/parity.ts";
import { type Finding, type Progress, readFindings, readProgress } from "./collection.ts";
import { assertLease, type Run } from "./run.ts";
import type { MigratedRow } from "./vanished.ts";

/** A collection that a run has finished. */
export interface FinishedCollection {
  readonly source: MigratedSource;
  readonly target: Collection;
  readonly tenantName: string;
  readonly vectors: "copy" | "embed";
  readonly why: string;
  readonly progress: Progress;
  readonly findings: readonly Finding[];
}

type FinishedCollectionRow = Pick<FinishedCollection, "vectors" | "why"> & MigratedRow;

/** The finished collections of a run whose targets still exist, ordered by source id. */
export async function readFinishedCollections(database: Database, run: Run): Promise<readonly FinishedCollection[]> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<FinishedCollectionRow>(sql`
          SELECT source_id AS id, source_tenant AS tenant, source_database AS database, source_name AS name,
                 tenant_id, collection_id, vectors, why
          FROM cairn.migration_collections
          WHERE run_id = ${run.id}::uuid AND state <> 'copying' ORDER BY source_id`),
  );
  const finished: FinishedCollection[] = [];
  for (const { tenant_id: tenantId, collection_id: collectionId, vectors, why, ...source } of rows) {
    const progress = await asAdmin(database, (transaction) => readProgress(transaction, run.id, source.id));
    const target = await findCollection(database, tenantId, collectionId);
    if (!target) continue;
    finished.push({
      source,
      target,
      tenantName: (await getTenant(database, tenantId)).name,
      vectors,
      why,
      progress,
      findings: await readFindings(database, run, source.id, progress.pass),
    });
  }
  return finished;
}

/** Undefined if the collection was deleted in Cairn. The plan then lists it as deleted. */
async function findCollection(database: Database, tenantId: string, id: string): Promise<Collection | undefined> {
  try {
    return await getCollection(database, tenantId, id);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Saves the comparison of searches for the report. */
export async function saveSearch(database: Database, run: Run, compared: ComparedSearches): Promise<void> {
  await save(database, run, "search", compared);
}

/** Saves the report of a run. */
export async function saveReport(database: Database, run: Run, report: MigrationReport): Promise<void> {
  await save(database, run, "report", report);
}

async function save(database: Database, run: Run, column: "search" | "report", value: object | null): Promise<void> {
  await database.transaction(async (transaction) => {
    await assertLease(transaction, run);
    await transaction.orm.execute(
      sql`UPDATE cairn.migration_runs SET ${sql.raw(column)} = ${stringifyJson(value)} WHERE id = ${run.id}::uuid`,
    );
  });
}

/** The saved comparison of searches, and the seconds since the run started. */
export async function readSearch(
  database: Database,
  run: Run,
): Promise<ComparedSearches & { readonly seconds: number }> {
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ search: string | null; seconds: number }>(sql`
          SELECT search, extract(epoch FROM now() - started_at)::float8 AS seconds
          FROM cairn.migration_runs WHERE id = ${run.id}::uuid`),
  );
  const compared = row?.search ? (JSON.parse(row.search) as Partial<ComparedSearches> | null) : null;
  return {
    search: compared?.search ?? null,
    notices: compared?.notices ?? [],
    seconds: row?.seconds ?? 0,
  };
}

/** The report of a finished run; undefined if it has none. */
export async function readReport(database: Database, runId: string): Promise<MigrationReport | undefined> {
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ report: string | null }>(
      sql`SELECT report FROM cairn.migration_runs WHERE id::text = ${runId.toLowerCase()}`,
    ),
  );
  return row?.report ? (JSON.parse(row.report) as MigrationReport) : undefined;
}
