import pLimit from "p-limit";

/** Bytes of the pages of all collections that are read and not written yet, about. */
const MAX_HELD_BYTES = 48_000_000;

/** Bytes that a page takes, until it is written. */
export interface Reservation {
  /** Sets them once they are known, whether they fit or not: the page is there. */
  resize(bytes: number): void;
  release(): void;
}

/** Bounds the bytes of the pages in flight, over all collections of a run. */
export interface PageMemory {
  /** Waits until the bytes fit. Only for whoever holds no reservation: two that wait for each other wait for ever. */
  reserve(bytes: number): Promise<Reservation>;
  /** Undefined where the bytes do not fit now. */
  tryReserve(bytes: number): Reservation | undefined;
  /** Whether they fit or not: for a page without which its collection cannot go on. */
  force(bytes: number): Reservation;
  /** Waits until no other page is larger than any page should be. */
  alone(): Promise<Reservation>;
}

export function createPageMemory(most = MAX_HELD_BYTES): PageMemory {
  const single = pLimit(1);
  const waiting: { readonly bytes: number; readonly begin: () => void }[] = [];
  let held = 0;
  const fits = (bytes: number) => held === 0 || held + bytes <= most;

  /** Whoever waits begins in turn. */
  function wake(): void {
    while (waiting[0] && fits(waiting[0].bytes)) waiting.shift()?.begin();
  }
  function force(bytes: number): Reservation {
    let own = bytes;
    held += own;
    const resize = (now: number) => {
      held += now - own;
      own = now;
      wake();
    };
    return { resize, release: () => resize(0) };
  }
  const tryReserve = (bytes: number) => (waiting.length === 0 && fits(bytes) ? force(bytes) : undefined);
  return {
    force,
    tryReserve,
    async reserve(bytes) {
      const reservation = tryReserve(bytes);
      if (reservation) return reservation;
      return new Promise((resolve) => {
        waiting.push({ bytes, begin: () => resolve(force(bytes)) });
      });
    },
    alone: () =>
      new Promise((resolve) => {
        single(
          () =>
            new Promise<void>((end) => {
              resolve({ resize: () => {}, release: end });
            }),
        );
      }),
  };
}
