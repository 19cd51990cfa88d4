import { addTally } from "../ledger/tally.ts";
import { PageTooLarge } from "../source/source.ts";
import { createIdPages, type IdPage, type IdPages } from "./id-pages.ts";
import type { Reservation } from "./memory.ts";
import type { Change, ComparedPage, PageSource } from "./page.ts";
import { readPage } from "./read-page.ts";

/** Rows that are written in one transaction at most: commits cost, but what waits for them takes memory. */
const BATCH = 600;

/** Bytes of pages that are written in one transaction at most; a page that is larger stands alone. */
const BATCH_BYTES = 8_000_000;

/**
 * The source's pages from `position` on, in order, compared; the next ones are being read meanwhile, as far as memory
 * allows. Pages that are ready at once come as one.
 */
export async function* comparedPages(from: PageSource, position: number): AsyncGenerator<ComparedPage> {
  const ids = createIdPages(from, position);
  const reading: Reading[] = [];
  const held = new Set<Reservation>();
  try {
    for (;;) {
      await readAhead(from, ids, reading);
      if (reading.length === 0) return;
      const taken = await takeReady(from, reading);
      for (const reservation of taken.reservations) held.add(reservation);
      yield taken.page;
      forget(taken.page);
      for (const reservation of held) reservation.release();
      held.clear();
    }
  } finally {
    await Promise.allSettled(reading.map(({ page }) => page));
    for (const { reservation } of reading) reservation?.release();
    for (const reservation of held) reservation.release();
  }
}

/** A page under way. The second half of one that was too large begins when the first is done with. */
interface Reading extends IdPage, Partial<Started> {
  ready: boolean;
}

interface Started {
  readonly reservation: Reservation;
  readonly page: Promise<ComparedPage>;
}

interface Taken {
  readonly page: ComparedPage;
  readonly reservations: readonly Reservation[];
}

/** Begins to read the next pages. The first waits for memory where nothing else of the collection is in flight. */
async function readAhead(from: PageSource, ids: IdPages, reading: Reading[]): Promise<void> {
  const { memory, pageSizing, ahead, fresh } = from;
  // How large pages are is told by the first.
  while (reading.length <= (pageSizing.known ? ahead : 0)) {
    const bytes = pageSizing.estimate(pageSizing.size, fresh);
    const reservation = reading.length === 0 ? await memory.reserve(bytes) : memory.tryReserve(bytes);
    if (!reservation) return;
    const page = await ids.take(pageSizing.size).catch((error: unknown) => {
      reservation.release();
      throw error;
    });
    if (!page) return reservation.release();
    reading.push(startReading(from, page, reservation));
  }
}

function startReading(from: PageSource, ids: IdPage, reservation: Reservation): Reading & Started {
  const page = from.limit(async () => {
    const compared = await readPage(from, ids);
    reservation.resize(compared.bytes);
    from.pageSizing.learn(ids.ids.length, compared.bytesRead);
    return compared;
  });
  const reading = { ...ids, page, reservation, ready: false };
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
async function takeReady(from: PageSource, reading: Reading[]): Promise<Taken> {
  const first = await takeFirst(from, reading);
  const most = Math.max(1, Math.floor(BATCH / from.pageSize));
  const reservations = [...first.reservations];
  let { page } = first;
  for (let count = 1; count < most; count++) {
    const [next] = reading;
    if (!next?.ready || !next.page || !next.reservation) break;
    const more = await next.page;
    if (page.bytes + more.bytes > BATCH_BYTES) break;
    page = mergePages(page, more);
    reservations.push(next.reservation);
    reading.shift();
  }
  return { page, reservations };
}

/** The first page. One that is too large is read as two, one after the other, and those may be halved again. */
async function takeFirst(from: PageSource, reading: Reading[]): Promise<Taken> {
  for (;;) {
    const { ids, position, ...under } = reading.shift() as Reading;
    const reservation = under.reservation ?? (await reserveHalf(from, ids.length, reading));
    const page = under.page ?? startReading(from, { ids, position }, reservation).page;
    try {
      return { page: await page, reservations: [reservation] };
    } catch (error) {
      if (!(error instanceof PageTooLarge) || ids.length === 1) reservation.release();
      if (!(error instanceof PageTooLarge)) throw error;
      if (ids.length === 1) return takeAlone(from, { ids, position });
      from.pageSizing.shrink(ids.length);
      const middle = ids.length >> 1;
      const start = position - ids.length;
      const first = startReading(from, { ids: ids.slice(0, middle), position: start + middle }, reservation);
      reading.unshift(first, { ids: ids.slice(middle), position, ready: false });
    }
  }
}

/** Memory for the half of a page. Where later pages are in flight already, it cannot wait: nobody would take those. */
async function reserveHalf(
  { memory, pageSizing, fresh }: PageSource,
  records: number,
  reading: readonly Reading[],
): Promise<Reservation> {
  const bytes = pageSizing.estimate(records, fresh);
  return reading.some(({ reservation }) => reservation) ? memory.force(bytes) : memory.reserve(bytes);
}

/** The page of a single record that is larger than a page should be: no two of them are held at once. */
async function takeAlone(from: PageSource, ids: IdPage): Promise<Taken> {
  const reservation = await from.memory.alone();
  try {
    const page = await from.limit(() => readPage(from, ids, { alone: true }));
    return { page, reservations: [reservation] };
  } catch (error) {
    reservation.release();
    throw error;
  }
}

/** Gives up what a page holds: whoever waits for the next one may still refer to it. */
function forget({ changes }: ComparedPage): void {
  (changes as Change[]).length = 0;
}

function mergePages(first: ComparedPage, second: ComparedPage): ComparedPage {
  const merged = {
    position: second.position,
    changes: [...first.changes, ...second.changes],
    quarantined: [...first.quarantined, ...second.quarantined],
    deleted: [...first.deleted, ...second.deleted],
    own: [...first.own, ...second.own],
    tally: addTally(first.tally, second.tally),
    bytesRead: first.bytesRead + second.bytesRead,
    bytes: first.bytes + second.bytes,
  };
  forget(first);
  forget(second);
  return merged;
}
