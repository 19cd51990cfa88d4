import { readTombstones } from "@cairn/core/document/tombstone.ts";
import { hashListing } from "../ledger/listing.ts";
import { EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import type { SourceRecord } from "../source/source.ts";
import { compareRows, compareVectors } from "./compare.ts";
import type { IdPage } from "./id-pages.ts";
import type { Change, ComparedPage, PageSource } from "./page.ts";
import { expectedRows, findFault, type Quarantined } from "./record.ts";
import { isOwn, readStored, type StoredRow } from "./stored.ts";

/** Reads records and what Postgres has of them, and compares. Throws `PageTooLarge` as the source does. */
export async function readPage(
  from: PageSource,
  { ids, position }: IdPage,
  { alone = false }: { readonly alone?: boolean } = {},
): Promise<ComparedPage> {
  // First, and alone: whether they are too many to be held is known by Chroma's answer.
  const records = await from.source.getRecords(from.collection, ids, {
    embeddings: from.rules.vectors === "copy",
    alone,
  });
  const [stored, tombstones] = await Promise.all([
    from.fresh
      ? new Map<string, readonly StoredRow[]>()
      : readStored(from.database, from.target, ids, { vectors: from.rules.vectors === "copy" }),
    from.discardChanges ? new Set<string>() : readTombstones(from.database, from.target, ids),
  ]);
  const changes: Change[] = [];
  const quarantined: Quarantined[] = [];
  const deleted: string[] = [];
  const own: string[] = [];
  const vectors = { exact: 0, within: 0, largest: 0 };
  for (const record of records.values()) {
    const rows = stored.get(record.id) ?? [];
    if (rows.length === 0 && tombstones.has(record.id)) {
      deleted.push(record.id);
      continue;
    }
    if (isOwn(rows)) own.push(record.id);
    const { change, fault } = await compareRecord(from, record, rows);
    if (fault) quarantined.push(fault);
    if (change) changes.push(change);
    else if (!fault && from.rules.vectors === "copy") countVector(vectors, record, rows);
  }
  const tally: Tally = {
    ...EMPTY_TALLY,
    seen: records.size,
    compared: from.fresh ? 0 : records.size - deleted.length,
    deleted: deleted.length,
    vectorsExact: vectors.exact,
    vectorsWithinTolerance: vectors.within,
    maxVectorDifference: vectors.largest,
    quarantined: quarantined.length,
    listing: hashListing(records.keys()),
    deletedListing: hashListing(deleted),
  };
  const bytesRead = sum(records.values(), recordBytes);
  return { position, changes, quarantined, deleted, own, tally, bytesRead, bytes: sum(changes, changeBytes) };
}

async function compareRecord(
  from: PageSource,
  record: SourceRecord,
  stored: readonly StoredRow[],
): Promise<{ readonly change?: Change; readonly fault?: Quarantined }> {
  const fault = findFault(record, from.rules);
  const rows = await expectedRows(record, from.rules, fault);
  // Of a record that cannot be read, the bare id is kept, and whatever could be read earlier.
  if (record.unreadable && record.unreadable !== "embedding" && stored.length > 0) return { fault };
  const compared =
    record.unreadable === "embedding"
      ? rows.map((row, index) => ({ ...row, embedding: stored[index]?.embedding ?? row.embedding }))
      : rows;
  const difference = compareRows(compared, stored, from.rules);
  return { fault, change: difference && { rows, stored, difference: { ...difference, id: record.id } } };
}

function countVector(
  vectors: { exact: number; within: number; largest: number },
  record: SourceRecord,
  stored: readonly StoredRow[],
): void {
  const { exact, largest } = compareVectors(record.embedding, stored[0]?.embedding ?? null);
  if (exact) vectors.exact++;
  else vectors.within++;
  vectors.largest = Math.max(vectors.largest, largest);
}

/** Bytes of a record besides its text and its vector, about. */
const RECORD_BYTES = 500;

type Held = Pick<SourceRecord, "document" | "embedding" | "metadata">;

/** A character takes two bytes where one of the text is not Latin. */
function recordBytes({ document, embedding, metadata }: Held): number {
  const texts = Object.values(metadata ?? {}).filter((value) => typeof value === "string");
  const characters = (document?.length ?? 0) + sum(texts, ({ length }) => length);
  return RECORD_BYTES + 2 * characters + (embedding?.byteLength ?? 0);
}

function changeBytes({ rows, stored }: Change): number {
  return sum([...rows, ...stored], ({ content, ...row }) => recordBytes({ ...row, document: content }));
}

function sum<T>(items: Iterable<T>, bytesOf: (item: T) => number): number {
  let bytes = 0;
  for (const item of items) bytes += bytesOf(item);
  return bytes;
}
