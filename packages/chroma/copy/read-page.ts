import { readTombstones } from "@cairn/core/document/tombstone.ts";
import { hashListing } from "../ledger/listing.ts";
import { EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import type { SourceRecord } from "../source/source.ts";
import { compareRows, compareVectors } from "./compare.ts";
import type { IdPage } from "./id-pages.ts";
import type { Change, ComparedPage, PassContext } from "./page.ts";
import { expectedRows, findQuarantineReason, type QuarantinedRecord } from "./record.ts";
import { isWrittenByService, readStored, type StoredRow } from "./stored.ts";

/** Reads records and their stored rows, and compares them. Throws `PageTooLarge`. */
export async function readPage(
  pass: PassContext,
  { ids, position }: IdPage,
  { allowLarge = false }: { readonly allowLarge?: boolean } = {},
): Promise<ComparedPage> {
  // First, because Chroma's response shows whether the page fits in memory.
  const records = await pass.source.getRecords(pass.collection, ids, {
    embeddings: pass.rules.vectors === "copy",
    allowLarge,
  });
  const [stored, tombstones] = await Promise.all([
    pass.fresh
      ? new Map<string, readonly StoredRow[]>()
      : readStored(pass.database, pass.target, ids, { vectors: pass.rules.vectors === "copy" }),
    pass.discardChanges ? new Set<string>() : readTombstones(pass.database, pass.target, ids),
  ]);
  const changes: Change[] = [];
  const quarantined: QuarantinedRecord[] = [];
  const deleted: string[] = [];
  const writtenByService: string[] = [];
  const vectors = { exact: 0, withinTolerance: 0, largest: 0 };
  for (const record of records.values()) {
    const rows = stored.get(record.id) ?? [];
    if (rows.length === 0 && tombstones.has(record.id)) {
      deleted.push(record.id);
      continue;
    }
    if (isWrittenByService(rows)) writtenByService.push(record.id);
    const { change, fault } = await compareRecord(pass, record, rows);
    if (fault) quarantined.push(fault);
    if (change) changes.push(change);
    else if (!fault && pass.rules.vectors === "copy") countVector(vectors, record, rows);
  }
  const tally: Tally = {
    ...EMPTY_TALLY,
    seen: records.size,
    compared: pass.fresh ? 0 : records.size - deleted.length,
    deleted: deleted.length,
    vectorsExact: vectors.exact,
    vectorsWithinTolerance: vectors.withinTolerance,
    maxVectorDifference: vectors.largest,
    quarantined: quarantined.length,
    listing: hashListing(records.keys()),
    deletedListing: hashListing(deleted),
  };
  const bytesRead = sum(records.values(), recordBytes);
  return {
    position,
    changes,
    quarantined,
    deleted,
    writtenByService,
    tally,
    bytesRead,
    bytes: sum(changes, changeBytes),
  };
}

/** Compares a record with its stored rows. `change`: what the rows have to become. `fault`: why the record has no vector then. */
export async function compareRecord(
  pass: Pick<PassContext, "rules">,
  record: SourceRecord,
  stored: readonly StoredRow[],
): Promise<{ readonly change?: Change; readonly fault?: QuarantinedRecord }> {
  const fault = findQuarantineReason(record, pass.rules);
  const rows = await expectedRows(record, pass.rules, fault);
  // For a record that cannot be read, only the id is written. What was read earlier is kept.
  if (record.unreadable && record.unreadable !== "embedding" && stored.length > 0) return { fault };
  const compared =
    record.unreadable === "embedding"
      ? rows.map((row, index) => ({ ...row, embedding: stored[index]?.embedding ?? row.embedding }))
      : rows;
  const difference = compareRows(compared, stored, pass.rules);
  return { fault, change: difference && { rows, stored, difference: { ...difference, id: record.id } } };
}

function countVector(
  vectors: { exact: number; withinTolerance: number; largest: number },
  record: SourceRecord,
  stored: readonly StoredRow[],
): void {
  const { exact, largest } = compareVectors(record.embedding, stored[0]?.embedding ?? null);
  if (exact) vectors.exact++;
  else vectors.withinTolerance++;
  vectors.largest = Math.max(vectors.largest, largest);
}

/** Approximate bytes of a record apart from its text and its vector. */
const RECORD_OVERHEAD_BYTES = 500;

type SizedRecord = Pick<SourceRecord, "document" | "embedding" | "metadata">;

/** Approximate bytes of a record. A text with a character outside Latin-1 takes two bytes a character. */
function recordBytes({ document, embedding, metadata }: SizedRecord): number {
  const texts = Object.values(metadata ?? {}).filter((value) => typeof value === "string");
  const characters = (document?.length ?? 0) + sum(texts, ({ length }) => length);
  return RECORD_OVERHEAD_BYTES + 2 * characters + (embedding?.byteLength ?? 0);
}

function changeBytes({ rows, stored }: Change): number {
  return sum([...rows, ...stored], ({ content, ...row }) => recordBytes({ ...row, document: content }));
}

function sum<T>(items: Iterable<T>, bytesOf: (item: T) => number): number {
  let bytes = 0;
  for (const item of items) bytes += bytesOf(item);
  return bytes;
}
