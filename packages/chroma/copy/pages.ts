import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { hashListing } from "../ledger/listing.ts";
import { EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import type { ReportDifference } from "../report/report.ts";
import type { Source, SourceCollection, SourceRecord } from "../source/source.ts";
import { compareRows, compareVectors } from "./compare.ts";
import { type CopyRules, expectedRows, findFault, type SetAside } from "./record.ts";
import { readStored, type StoredRow } from "./stored.ts";

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
  /** Without `changed` and `kept`: whoever acts on the page decides those. */
  readonly tally: Tally;
}

/** Ids that are listed at once; then they are fetched by id, page by page, wherever they lie by then. */
const WINDOW = 6_000;

/** The source's pages from `position` on, in order, compared; the next ones are being read meanwhile. */
export async function* comparedPages(from: PageSource, position: number): AsyncGenerator<ComparedPage> {
  const reading: Promise<ComparedPage>[] = [];
  try {
    for await (const page of idPages(from, position)) {
      const read = from.limit(() => readPage(from, page.ids, page.position));
      read.catch(() => {}); // awaited below, perhaps after another has failed
      reading.push(read);
      if (reading.length > from.ahead) yield (await reading.shift()) as ComparedPage;
    }
    while (reading.length > 0) yield (await reading.shift()) as ComparedPage;
  } finally {
    await Promise.allSettled(reading);
  }
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
  const [records, stored] = await Promise.all([
    from.source.getRecords(from.collection, ids, { embeddings: from.rules.vectors === "copy" }),
    from.fresh ? new Map<string, readonly StoredRow[]>() : readStored(from.database, from.target, ids),
  ]);
  const changes: Change[] = [];
  const setAside: SetAside[] = [];
  const vectors = { exact: 0, within: 0, largest: 0 };
  for (const record of records.values()) {
    const rows = stored.get(record.id) ?? [];
    const { change, fault } = await compareRecord(from, record, rows);
    if (fault) setAside.push(fault);
    if (change) changes.push(change);
    else if (!fault && from.rules.vectors === "copy") countVector(vectors, record, rows);
  }
  const tally: Tally = {
    ...EMPTY_TALLY,
    seen: records.size,
    compared: from.fresh ? 0 : records.size,
    vectorsExact: vectors.exact,
    vectorsWithinTolerance: vectors.within,
    maxVectorDifference: vectors.largest,
    setAside: setAside.length,
    listing: hashListing(records.keys()),
  };
  return { position, changes, setAside, tally };
}

async function compareRecord(
  from: PageSource,
  record: SourceRecord,
  stored: readonly StoredRow[],
): Promise<{ readonly change?: Change; readonly fault?: SetAside }> {
  const fault = findFault(record, from.rules);
  const rows = await expectedRows(record, from.rules, fault);
  // Of a record that cannot be read, the bare id is kept, and whatever could be read earlier.
  if (record.unreadable === "all" && stored.length > 0) return { fault };
  const compared =
    record.unreadable === "embedding"
      ? rows.map((row, index) => ({ ...row, embedding: stored[index]?.embedding ?? row.embedding }))
      : rows;
  const difference = compareRows(compared, stored, from.rules.vectors);
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
