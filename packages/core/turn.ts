/** Slices of long work that wait for their turn. */
const waiting: (() => void)[] = [];
let scheduled = false;

/**
 * Waits until long work may go on for a few milliseconds. In each iteration of the event loop one slice runs, whoever
 * it belongs to: with a `setImmediate` of its own, each of twenty requests would add its slice to the time that all
 * others wait.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    schedule();
  });
}

function schedule(): void {
  if (scheduled || waiting.length === 0) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    waiting.shift()?.();
    schedule();
  });
}
