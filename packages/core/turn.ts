import { setImmediate } from "node:timers";

/** Slices of long work that wait for their turn. */
const waiting: (() => void)[] = [];
let scheduled = false;

/** On Cloudflare Workers a timer is a request's, and ends with it: there each waits by itself. */
const isShared = globalThis.navigator?.userAgent !== "Cloudflare-Workers";

/** Milliseconds that a slice may take before long work pauses. */
const LONG_MS = 3;

/** Milliseconds that it pauses at most. */
const MAX_PAUSE_MS = 50;

/** Milliseconds of other work between two slices that tell that somebody else is there, and for how long that counts. */
const OTHERS_MS = 0.2;
const BUSY_MS = 250;

let busyUntil = 0;

/**
 * Waits until long work may go on for a few milliseconds. In each iteration of the event loop one slice runs, whoever
 * it belongs to: with a `setImmediate` of its own, each of twenty requests would add its slice to the time that all
 * others wait. While there are others, a slice that took long, as the collection of garbage may make it, is followed by a
 * pause of the same length: long work never has more than half of a process that others use.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (!isShared) {
      setImmediate(resolve);
      return;
    }
    waiting.push(resolve);
    if (!scheduled) schedule(0);
  });
}

function schedule(pause: number): void {
  scheduled = true;
  if (pause > LONG_MS) setTimeout(runSlice, Math.min(pause, MAX_PAUSE_MS));
  else setImmediate(runSlice);
}

function runSlice(): void {
  const began = performance.now();
  let ended = began;
  waiting.shift()?.();
  queueMicrotask(() => {
    ended = performance.now(); // the slice ran as a microtask before this one
  });
  setImmediate(() => {
    const now = performance.now();
    if (now - ended > OTHERS_MS) busyUntil = now + BUSY_MS;
    scheduled = false;
    if (waiting.length > 0) schedule(now < busyUntil ? ended - began : 0);
  });
}
