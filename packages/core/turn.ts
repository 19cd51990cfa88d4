import { setImmediate } from "node:timers";

/** Slices of long work that wait for their turn. */
const waiting: (() => void)[] = [];
let scheduled = false;

/** On Cloudflare Workers a timer is a request's, and ends with it: there each waits by itself. */
const isShared = globalThis.navigator?.userAgent !== "Cloudflare-Workers";

/** Milliseconds that a slice may take before long work pauses. */
const LONG_MS = 3;

/** Milliseconds that it pauses at most. */
const LONGEST_PAUSE_MS = 50;

/**
 * Waits until long work may go on for a few milliseconds. In each iteration of the event loop one slice runs, whoever
 * it belongs to: with a `setImmediate` of its own, each of twenty requests would add its slice to the time that all
 * others wait. After a slice that took long, as the collection of garbage may make it, there is a pause of the same
 * length, so that long work never has more than half of a busy process.
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
  if (pause > LONG_MS) setTimeout(runSlice, Math.min(pause, LONGEST_PAUSE_MS));
  else setImmediate(runSlice);
}

function runSlice(): void {
  const began = performance.now();
  waiting.shift()?.();
  setImmediate(() => {
    scheduled = false;
    if (waiting.length > 0) schedule(performance.now() - began);
  });
}
