import { addTally } from "../ledger/tally.ts";
import { PageTooLarge } from "../source/source.ts";
import { createIdPages, type IdPage, type IdPages } from "./id-pages.ts";
import type { Reservation } from "./memory.ts";
import type { Change, ComparedPage, PassContext } from "./page.ts";
import { readPage } from "./read-page.ts";

/** Rows in one transaction at most. A commit has a cost, but rows that wait for it take memory. */
const MAX_BATCH_ROWS = 600;

/** Bytes of pages in one transaction at most. A larger page has a transaction of its own. */
const MAX_BATCH_BYTES = 8_000_000;

/**
 * Yields the source's pages from `position` on, in order and compared with the target. The next pages are read ahead,
 * as far as memory allows. Pages that are ready at the same time are merged.
 */
export async function* comparedPages(pass: PassContext, position: number): AsyncGenerator<ComparedPage> {
  const ids = createIdPages(pass, position);
  const reads: PageRead[] = [];
  const reservations = new Set<Reservation>();
  try {
    for (;;) {
      await readAhead(pass, ids, reads);
      if (reads.length === 0) return;
      const ready = await takeReadyPages(pass, reads);
      for (const reservation of ready.reservations) reservations.add(reservation);
      yield ready.page;
      clearChanges(ready.page);
      for (const reservation of reservations) reservation.release();
      reservations.clear();
    }
  } finally {
    await Promise.allSettled(reads.map(({ page }) => page));
    for (const { reservation } of reads) reservation?.release();
    for (const reservation of reservations) reservation.release();
  }
}

/** A page that is being read. If a page was too large, its second half starts when the first half is taken. */
interface PageRead extends IdPage, Partial<StartedRead> {
  ready: boolean;
}

interface StartedRead {
  readonly reservation: Reservation;
  readonly page: Promise<ComparedPage>;
}

interface ReadyPages {
  readonly page: ComparedPage;
  readonly reservations: readonly Reservation[];
}

/** Starts to read the next pages. Only a page without others of its collection in flight waits for memory. */
async function readAhead(pass: PassContext, ids: IdPages, reads: PageRead[]): Promise<void> {
  const { memory, adaptivePageSize, maxPagesAhead, fresh } = pass;
  // The first page shows how large pages are.
  while (reads.length <= (adaptivePageSize.hasSample ? maxPagesAhead : 0)) {
    const bytes = adaptivePageSize.estimateBytes(adaptivePageSize.size, fresh);
    const reservation = reads.length === 0 ? await memory.reserve(bytes) : memory.tryReserve(bytes);
    if (!reservation) return;
    const page = await ids.take(adaptivePageSize.size).catch((error: unknown) => {
      reservation.release();
      throw error;
    });
    if (!page) return reservation.release();
    reads.push(startRead(pass, page, reservation));
  }
}

function startRead(pass: PassContext, ids: IdPage, reservation: Reservation): PageRead & StartedRead {
  const page = pass.limit(async () => {
    const compared = await readPage(pass, ids);
    reservation.resize(compared.bytes);
    pass.adaptivePageSize.observe(ids.ids.length, compared.bytesRead);
    return compared;
  });
  const read = { ...ids, page, reservation, ready: false };
  // A failed page is never ready: the pages before it are written first, and its error is thrown when it is taken.
  page.then(
    () => {
      read.ready = true;
    },
    () => {},
  );
  return read;
}

/** The first page, merged with the following pages that are ready. */
async function takeReadyPages(pass: PassContext, reads: PageRead[]): Promise<ReadyPages> {
  const first = await takeFirst(pass, reads);
  const maxPages = Math.max(1, Math.floor(MAX_BATCH_ROWS / pass.pageSize));
  const reservations = [...first.reservations];
  let { page } = first;
  for (let count = 1; count < maxPages; count++) {
    const [next] = reads;
    if (!next?.ready || !next.page || !next.reservation) break;
    const following = await next.page;
    if (page.bytes + following.bytes > MAX_BATCH_BYTES) break;
    page = mergePages(page, following);
    reservations.push(next.reservation);
    reads.shift();
  }
  return { page, reservations };
}

/** The first page. A page that is too large is read as two halves, one after the other; a half may be halved again. */
async function takeFirst(pass: PassContext, reads: PageRead[]): Promise<ReadyPages> {
  for (;;) {
    const { ids, position, ...started } = reads.shift() as PageRead;
    const reservation = started.reservation ?? (await reserveHalf(pass, ids.length, reads));
    const page = started.page ?? startRead(pass, { ids, position }, reservation).page;
    try {
      return { page: await page, reservations: [reservation] };
    } catch (error) {
      if (!(error instanceof PageTooLarge) || ids.length === 1) reservation.release();
      if (!(error instanceof PageTooLarge)) throw error;
      if (ids.length === 1) return readExclusively(pass, { ids, position });
      pass.adaptivePageSize.shrink(ids.length);
      const middle = ids.length >> 1;
      const start = position - ids.length;
      const first = startRead(pass, { ids: ids.slice(0, middle), position: start + middle }, reservation);
      reads.unshift(first, { ids: ids.slice(middle), position, ready: false });
    }
  }
}

/** Memory for half of a page. It cannot wait if later pages are in flight, because nothing would take those pages. */
async function reserveHalf(
  { memory, adaptivePageSize, fresh }: PassContext,
  records: number,
  reads: readonly PageRead[],
): Promise<Reservation> {
  const bytes = adaptivePageSize.estimateBytes(records, fresh);
  return reads.some(({ reservation }) => reservation) ? memory.forceReserve(bytes) : memory.reserve(bytes);
}

/** The page of a single record that is larger than a page may be. Only one such page is in memory at a time. */
async function readExclusively(pass: PassContext, ids: IdPage): Promise<ReadyPages> {
  const reservation = await pass.memory.reserveExclusive();
  try {
    const page = await pass.limit(() => readPage(pass, ids, { allowLarge: true }));
    return { page, reservations: [reservation] };
  } catch (error) {
    reservation.release();
    throw error;
  }
}

/** Releases the rows of a page, because a consumer that waits for the next page may still refer to it. */
function clearChanges({ changes }: ComparedPage): void {
  (changes as Change[]).length = 0;
}

function mergePages(first: ComparedPage, second: ComparedPage): ComparedPage {
  const merged = {
    position: second.position,
    changes: [...first.changes, ...second.changes],
    quarantined: [...first.quarantined, ...second.quarantined],
    deleted: [...first.deleted, ...second.deleted],
    writtenByService: [...first.writtenByService, ...second.writtenByService],
    tally: addTally(first.tally, second.tally),
    bytesRead: first.bytesRead + second.bytesRead,
    bytes: first.bytes + second.bytes,
  };
  clearChanges(first);
  clearChanges(second);
  return merged;
}
