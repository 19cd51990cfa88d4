import type { Collection } from "@cairn/core/collection/collection.ts";
import { inCollection } from "@cairn/core/collection/collection.ts";
import type { Transaction } from "@cairn/core/database/database.ts";
import { asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { eraseFromCopies, eraseRows, releaseErased } from "@cairn/core/document/erase.ts";
import { keysOf } from "@cairn/core/document/id.ts";
import { importRows } from "@cairn/core/document/import.ts";
import { AppError } from "@cairn/core/error.ts";
import { REPLICATION_SETTINGS } from "@cairn/core/replication/capture.ts";
import { sql } from "drizzle-orm";
import type { Change } from "../../copy/page.ts";
import { compareRecord } from "../../copy/read-page.ts";
import { type CopyRules, copyRules } from "../../copy/record.ts";
import { readStored } from "../../copy/stored.ts";
import { readRecordPages } from "../../source/record-pages.ts";
import type { SourceRecord } from "../../source/source.ts";
import { assertSource } from "./assert-source.ts";
import type { CollectionPair, ReplicaFinding } from "./context.ts";
import type { Replication } from "./replication.ts";
import type { ReplicationResult } from "./to-chroma.ts";

/** Marks the rows that replication writes, as a migration run marks those that it copies. */
const REPLICATION_ORIGIN = "00000000-0000-4000-8000-7265706c6963";

/** Records that are read and written at once. */
const PAGE_SIZE = 300;

/**
 * Makes these records in Cairn equal to Chroma's. `recreated`: ids of records that were deleted, and may have been added again.
 * Throws `source_unavailable`, `run_held` and transient errors of the database.
 */
export async function replicateToCairn(
  context: Replication,
  pair: CollectionPair,
  { ids, recreated }: { readonly ids: readonly string[]; readonly recreated: readonly string[] },
): Promise<ReplicationResult> {
  const rules = copyRules(context.services, { vectors: "copy" }, pair.cairn);
  const recreatedIds = new Set(recreated);
  const result = { equal: 0, written: 0, deleted: 0, differing: [] as string[], findings: [] as ReplicaFinding[] };
  for (let start = 0; start < ids.length; start += PAGE_SIZE) {
    const page = ids.slice(start, start + PAGE_SIZE);
    const compared = await comparePage(context, pair, { ids: page, rules, recreated: recreatedIds });
    const refused = await writePage(context, pair.cairn, compared);
    result.equal += page.length - compared.changes.length - compared.missing.length;
    result.written += compared.changes.length - refused.length;
    result.deleted += compared.missing.length;
    result.differing.push(...compared.changes.map(({ difference }) => difference.id), ...compared.missing);
    result.findings.push(...refused, ...compared.faults);
  }
  return result;
}

interface PageComparison {
  readonly ids: readonly string[];
  readonly changes: readonly Change[];
  /** Ids to delete from Cairn before the changes are written: Chroma does not have them, or has them again at the end. */
  readonly missing: readonly string[];
  /** Records that Cairn holds without their vector. */
  readonly faults: readonly ReplicaFinding[];
}

interface ComparedIds {
  readonly ids: readonly string[];
  readonly rules: CopyRules;
  /** Ids whose records were deleted, and may have been added again. */
  readonly recreated: ReadonlySet<string>;
}

async function comparePage(
  { database, source }: Replication,
  { cairn, chroma }: CollectionPair,
  { ids, rules, recreated }: ComparedIds,
): Promise<PageComparison> {
  const records = new Map<string, SourceRecord>();
  for await (const page of readRecordPages(source, chroma, ids))
    for (const [id, record] of page) records.set(id, record);
  const stored = await readStored(database, cairn, ids);
  const changes: Change[] = [];
  const faults: ReplicaFinding[] = [];
  for (const record of records.values()) {
    const rows = recreated.has(record.id) ? [] : (stored.get(record.id) ?? []);
    const { change, fault } = await compareRecord({ rules }, record, rows);
    if (fault) faults.push({ recordId: record.id, kind: "refused", detail: `${fault.reason}: ${fault.detail}` });
    if (change) changes.push(change);
  }
  const missing = ids.filter((id) => stored.has(id) && (!records.has(id) || recreated.has(id)));
  return { ids, changes, missing, faults };
}

/** Writes a page in one transaction. If Cairn refuses a record, the page is halved until the record is isolated. Returns those. */
async function writePage(
  context: Replication,
  target: Collection,
  { changes, missing }: Pick<PageComparison, "changes" | "missing">,
): Promise<readonly ReplicaFinding[]> {
  try {
    await writeRows(context, target, { changes, missing });
    return [];
  } catch (error) {
    if (!isRefusal(error) || changes.length === 0) throw error;
    if (changes.length === 1) {
      await writeRows(context, target, { changes: [], missing });
      return [toRefusal(changes[0] as Change, error)];
    }
    const middle = changes.length >> 1;
    const first = await writePage(context, target, { changes: changes.slice(0, middle), missing: [] });
    const second = await writePage(context, target, { changes: changes.slice(middle), missing });
    return [...first, ...second];
  }
}

/** Errors about the written records themselves. */
const REFUSALS: ReadonlySet<string> = new Set(["invalid_input", "dimension_mismatch", "database_error"]);

function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && REFUSALS.has(error.code);
}

function toRefusal({ difference }: Change, error: AppError): ReplicaFinding {
  return { recordId: difference.id, kind: "refused", detail: `Cairn cannot hold the record: ${error.code}.` };
}

async function writeRows(
  context: Replication,
  target: Collection,
  { changes, missing }: Pick<PageComparison, "changes" | "missing">,
): Promise<void> {
  const { database, tenantId } = context;
  if (changes.length + missing.length === 0) return;
  const types = await database.vectorTypes();
  const rows = changes.flatMap((change) => change.rows);
  await asTenant(
    database,
    tenantId,
    async (transaction) => {
      if (missing.length > 0) await eraseMissing(transaction, target, missing);
      if (rows.length > 0)
        await importRows(transaction, target, rows, { types, origin: REPLICATION_ORIGIN, overwrite: true });
      await becomeAdmin(transaction);
      await assertSource(transaction.orm, context);
    },
    REPLICATION_SETTINGS,
  );
}

async function eraseMissing({ orm }: Transaction, target: Collection, ids: readonly string[]): Promise<void> {
  const keys = keysOf(ids);
  const erased = await eraseRows(orm, target, sql`${inCollection(target)} AND id = ANY(${sql.param(keys)}::text[])`);
  await eraseFromCopies(orm, target, keys);
  await releaseErased(orm, target.tenantId, erased);
}
