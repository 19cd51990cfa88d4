import pLimit from "p-limit";

/** Approximate bytes of the pages of all collections that are read and not written yet. */
const MAX_BYTES_IN_FLIGHT = 48_000_000;

/** Memory that is reserved for a page until it is written. */
export interface Reservation {
  /** Sets the size once it is known, even if it exceeds the limit, because the page is already in memory. */
  resize(bytes: number): void;
  release(): void;
}

export type PageMemory = ReturnType<typeof createPageMemory>;

/** Limits the bytes of the pages in flight, over all collections of a run. */
export function createPageMemory(maxBytes = MAX_BYTES_IN_FLIGHT) {
  const exclusive = pLimit(1);
  const queue: { readonly bytes: number; readonly start: () => void }[] = [];
  let reservedBytes = 0;
  const fits = (bytes: number) => reservedBytes === 0 || reservedBytes + bytes <= maxBytes;

  /** Starts waiting callers, first come, first served. */
  function startWaiting(): void {
    while (queue[0] && fits(queue[0].bytes)) queue.shift()?.start();
  }
  /** Reserves even if the bytes do not fit: for a page that its collection needs in order to continue. */
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
  /** Returns undefined if the bytes do not fit now. */
  const tryReserve = (bytes: number) => (queue.length === 0 && fits(bytes) ? forceReserve(bytes) : undefined);
  return {
    forceReserve,
    tryReserve,
    /** Waits until the bytes fit. The caller must not have a reservation: two callers that wait for each other deadlock. */
    async reserve(bytes: number): Promise<Reservation> {
      const reservation = tryReserve(bytes);
      if (reservation) return reservation;
      const { promise, resolve } = Promise.withResolvers<Reservation>();
      queue.push({ bytes, start: () => resolve(forceReserve(bytes)) });
      return promise;
    },
    /** Waits until no other page exceeds the maximum page size. */
    reserveExclusive(): Promise<Reservation> {
      const { promise: end, resolve: release } = Promise.withResolvers<void>();
      const { promise, resolve } = Promise.withResolvers<Reservation>();
      exclusive(() => {
        resolve({ resize: () => {}, release });
        return end;
      });
      return promise;
    },
  };
}
