import pLimit from "p-limit";

/** Approximate bytes of the pages of all collections that are read and not written yet. */
const MAX_BYTES_IN_FLIGHT = 48_000_000;

/** Memory that is reserved for a page until it is written. */
export interface Reservation {
  /** Sets the size once it is known, even if it exceeds the limit, because the page is already in memory. */
  resize(bytes: number): void;
  release(): void;
}

/** Limits the bytes of the pages in flight, over all collections of a run. */
export interface PageMemory {
  /** Waits until the bytes fit. The caller must not have a reservation: two callers that wait for each other deadlock. */
  reserve(bytes: number): Promise<Reservation>;
  /** Returns undefined if the bytes do not fit now. */
  tryReserve(bytes: number): Reservation | undefined;
  /** Reserves even if the bytes do not fit: for a page that its collection needs in order to continue. */
  forceReserve(bytes: number): Reservation;
  /** Waits until no other page exceeds the maximum page size. */
  reserveExclusive(): Promise<Reservation>;
}

export function createPageMemory(maxBytes = MAX_BYTES_IN_FLIGHT): PageMemory {
  const exclusive = pLimit(1);
  const queue: { readonly bytes: number; readonly start: () => void }[] = [];
  let reservedBytes = 0;
  const fits = (bytes: number) => reservedBytes === 0 || reservedBytes + bytes <= maxBytes;

  /** Starts waiting callers, first come, first served. */
  function startWaiting(): void {
    while (queue[0] && fits(queue[0].bytes)) queue.shift()?.start();
  }
  function forceReserve(bytes: number): Reservation {
    let current = bytes;
    reservedBytes += current;
    const resize = (next: number) => {
      reservedBytes += next - current;
      current = next;
      startWaiting();
    };
    return { resize, release: () => resize(0) };
  }
  const tryReserve = (bytes: number) => (queue.length === 0 && fits(bytes) ? forceReserve(bytes) : undefined);
  return {
    forceReserve,
    tryReserve,
    async reserve(bytes) {
      const reservation = tryReserve(bytes);
      if (reservation) return reservation;
      return new Promise((resolve) => {
        queue.push({ bytes, start: () => resolve(forceReserve(bytes)) });
      });
    },
    reserveExclusive: () =>
      new Promise((resolve) => {
        exclusive(
          () =>
            new Promise<void>((end) => {
              resolve({ resize: () => {}, release: end });
            }),
        );
      }),
  };
}
