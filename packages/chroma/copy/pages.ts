import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { readTombstones } from "@cairn/core/document/tombstone.ts";
import { hashListing } from "../ledger/listing.ts";
import { addTally, EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import type { ReportDifference } from "../report/report.ts";
import { PageTooLarge, type Source, type SourceCollection, type SourceRecord } from "../source/source.ts";
import { compareRows, compareVectors } from "./compare.ts";
import { type CopyRules, expectedRows, findFault, type SetAside } from "./record.ts";
import { isOwn, readStored, type StoredRow } from "./stored.ts";

/** Bounds how many requests are under way at once, over all collections. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

export interface PageSource {
  readonly source: Source;
  readonly database: Database;
  readonly collection: SourceCollection;
  readonly target: Collection;
  readonly rules: CopyRules;
  /** Records a request. */
  readonly pageSize: number;
  /** Pages read ahead of the one at hand. */
  readonly ahead: number;
  readonly limit: Limit;
  /** The target was empty at the start: nothing to compare with. */
  readonly fresh: boolean;
  /** What was changed in Cairn is compared, and written, like everything else. */
  readonly discardChanges: boolean;
}

/** One record whose rows are missing or differ. */
export interface Change {
  readonly rows: readonly Row[];
  readonly stored: readonly StoredRow[];
  readonly difference: Omit<ReportDifference, "collection">;
}

/** A page of the source, compared with what Postgres holds under the same ids. */
export interface ComparedPage {
  /** Where the next page begins, in the source's order. */
  readonly position: number;
  readonly changes: readonly Change[];
  readonly setAside: readonly SetAside[];
  /** Ids of records that were deleted in Cairn. */
  readonly deleted: readonly string[];
  /** Ids of records that the service has written, whether they differ or not. */
  readonly own: readonly string[];
  /** Without `changed` and `kept`: whoever acts on the page decides those. */
  readonly tally: Tally;
}

/** Ids that are listed at once; then they are fetched by id, page by page, wherever they lie by then. */
const WINDOW = 6_000;

/** Rows that are written in one transaction at most: commits cost, but what waits for them takes memory. */
const BATCH = 600;

/**
 * The source's pages from `position` on, in order, compared; the next ones are being read meanwhile. Pages that are
 * ready at once come as one.
 */
export async function* comparedPages(from: PageSource, position: number): AsyncGenerator<ComparedPage> {
  const reading: Reading[] = [];
  const most = Math.max(1, Math.floor(BATCH / from.pageSize));
  try {
    for await (const page of idPages(from, position)) {
      reading.push(startReading(from, page));
      if (reading.length > from.ahead) yield await takeReady(from, reading, most);
    }
    while (reading.length > 0) yield await takeReady(from, reading, most);
  } finally {
    await Promise.allSettled(reading.map(({ page }) => page));
  }
}

interface Reading extends IdPage {
  readonly page: Promise<ComparedPage>;
  ready: boolean;
}

function startReading(from: PageSource, ids: IdPage, after: Promise<unknown> = Promise.resolve()): Reading {
  const read = () => from.limit(() => readPage(from, ids.ids, ids.position));
  const page = after.then(read, read);
  const reading = { ...ids, page, ready: false };
  // A failed page is never ready: those before it are written first, and it is thrown where it is taken.
  page.then(
    () => {
      reading.ready = true;
    },
    () => {},
  );
  return reading;
}

/** The first page, and those behind it that need not be waited for. */
async function takeReady(from: PageSource, reading: Reading[], most: number): Promise<ComparedPage> {
  let merged = await takeFirst(from, reading);
  for (let count = 1; count < most && reading[0]?.ready; count++)
    merged = mergePages(merged, await (reading.shift() as Reading).page);
  return merged;
}

/** The first page. One that is too large is read as two, one after the other, and those may be halved again. */
async function takeFirst(from: PageSource, reading: Reading[]): Promise<ComparedPage> {
  for (;;) {
    const { ids, position, page } = reading.shift() as Reading;
    try {
      return await page;
    } catch (error) {
      if (!(error instanceof PageTooLarge)) throw error;
      const middle = ids.length >> 1;
      const start = position - ids.length;
      const first = startReading(from, { ids: ids.slice(0, middle), position: start + middle });
      reading.unshift(first, startReading(from, { ids: ids.slice(middle), position }, first.page));
    }
  }
}

function mergePages(first: ComparedPage, second: ComparedPage): ComparedPage {
  return {
    position: second.position,
    changes: [...first.changes, ...second.changes],
    setAside: [...first.setAside, ...second.setAside],
    deleted: [...first.deleted, ...second.deleted],
    own: [...first.own, ...second.own],
    tally: addTally(first.tally, second.tally),
  };
}

interface IdPage {
  readonly ids: readonly string[];
  readonly position: number;
}

async function* idPages(
  { source, collection, pageSize, limit }: PageSource,
  start: number,
): AsyncGenerator<IdPage> {
  const size = Math.max(pageSize, Math.floor(WINDOW / pageSize) * pageSize);
  const list = (offset: number) => {
    const window = limit(() => source.listIds(collection, { offset, limit: size }));
    window.catch(() => {}); // awaited below
    return window;
  };
  let next = list(start);
  for (let offset = start; ; offset += size) {
    const ids = await next;
    if (ids.length === size) next = list(offset + size);
    for (let at = 0; at < ids.length; at += pageSize) {
      const page = ids.slice(at, at + pageSize);
      yield { ids: page, position: offset + at + page.length };
    }
    if (ids.length < size) return;
  }
}

async function readPage(from: PageSource, ids: readonly string[], position: number): Promise<ComparedPage> {
  // First, and alone: whether they are too many to be held is known by Chroma's answer.
  const records = await from.source.getRecords(from.collection, ids, {
    embeddings: from.rules.vectors === "copy",
  });
  const [stored, tombstones] = await Promise.all([
    from.fresh
      ? new Map<string, readonly StoredRow[]>()
      : readStored(from.database, from.target, ids, { vectors: from.rules.vectors === "copy" }),
    from.discardChanges ? new Set<string>() : readTombstones(from.database, from.target, ids),
  ]);
  const changes: Change[] = [];
  const setAside: SetAside[] = [];
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
    if (fault) setAside.push(fault);
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
    setAside: setAside.length,
    listing: hashListing(records.keys()),
    deletedListing: hashListing(deleted),
  };
  return { position, changes, setAside, deleted, own, tally };
}

async function compareRecord(
  from: PageSource,
  record: SourceRecord,
  stored: readonly StoredRow[],
): Promise<{ readonly change?: Change; readonly fault?: SetAside }> {
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
