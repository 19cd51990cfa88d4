import { setImmediate } from "node:timers";

/** Pending time slices of long work. */
const waiting: (() => void)[] = [];
let isScheduled = false;

/** False on Cloudflare Workers: a timer there belongs to one request and ends with it, so requests cannot share a queue. */
const isShared = globalThis.navigator?.userAgent !== "Cloudflare-Workers";

/** Milliseconds that a slice may take before long work pauses. */
const LONG_SLICE_MS = 3;

/** Maximum length of a pause, in milliseconds. */
const MAX_PAUSE_MS = 50;

/** Milliseconds of other work between two slices from which the process counts as busy. */
const OTHER_WORK_MS = 0.2;

/** Milliseconds that the process then counts as busy. */
const BUSY_MS = 250;

let busyUntil = 0;

/**
 * Resolves when long work may run its next time slice, of a few milliseconds. One slice runs in each iteration of the
 * event loop, whichever request it belongs to. If each of twenty requests used its own `setImmediate`, all others would
 * wait for twenty slices. While the process is busy, a slice that took long (because of garbage collection, for example)
 * is followed by a pause of the same length: long work never takes more than half of a busy process.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (!isShared) {
      setImmediate(resolve);
      return;
    }
    waiting.push(resolve);
    if (!isScheduled) schedule(0);
  });
}

function schedule(pause: number): void {
  isScheduled = true;
  if (pause > LONG_SLICE_MS) setTimeout(runSlice, Math.min(pause, MAX_PAUSE_MS));
  else setImmediate(runSlice);
}

function runSlice(): void {
  const startedAt = performance.now();
  let endedAt = startedAt;
  waiting.shift()?.();
  queueMicrotask(() => {
    endedAt = performance.now(); // the slice ran as a microtask before this one
  });
  setImmediate(() => {
    const now = performance.now();
    if (now - endedAt > OTHER_WORK_MS) busyUntil = now + BUSY_MS;
    isScheduled = false;
    if (waiting.length > 0) schedule(now < busyUntil ? endedAt - startedAt : 0);
  });
}
