import type { ProgressEvent } from "@cairn/chroma/copy/context.ts";
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { count } from "../terminal/counts.ts";
import { visible } from "../terminal/print.ts";

export interface ProgressDisplay {
  readonly show: (event: ProgressEvent) => void;
  readonly stop: () => void;
}

const FORMAT = "  {name} {bar} {percentage}% {value}/{total} {phase}";

/**
 * Shows the progress of a migration on standard error: a bar for each collection in progress, and a line for each one that is
 * done. Without a terminal it prints lines only. `quiet` shows nothing.
 */
export function showProgress(quiet: boolean): ProgressDisplay {
  if (quiet) return { show: () => {}, stop: () => {} };
  return process.stderr.isTTY ? showBars() : { show: createLinePrinter(), stop: () => {} };
}

function showBars(): ProgressDisplay {
  const display = new MultiBar(
    {
      format: FORMAT,
      hideCursor: true,
      clearOnComplete: false,
      barsize: 30,
      stream: process.stderr,
      emptyOnZero: true,
    },
    Presets.shades_classic,
  );
  const bars = new Map<string, SingleBar>();
  return {
    show(event) {
      const state = { name: label(event), phase: phase(event) };
      const bar = bars.get(event.id) ?? display.create(Math.max(event.total, 1), 0, state);
      bars.set(event.id, bar);
      bar.setTotal(Math.max(event.total, 1));
      bar.update(event.total === 0 ? 1 : event.done, state);
      if (!isEnd(event)) return;
      // A finished bar becomes a line above the other bars. Otherwise thousands of bars would fill the screen.
      bar.stop();
      display.remove(bar);
      display.log(`  ${doneLine(event)}\n`);
    },
    stop: () => display.stop(),
  };
}

/** Prints a line at the end of each collection, and a progress line at most every 5 seconds. */
function createLinePrinter(): (event: ProgressEvent) => void {
  let printedAt = 0;
  return (event) => {
    const now = Date.now();
    if (!isEnd(event) && now - printedAt < 5_000) return;
    printedAt = now;
    const line = isEnd(event) ? doneLine(event) : `${label(event)} ${event.done}/${event.total} ${phase(event)}`;
    console.error(`  ${line}`);
  };
}

function isEnd({ phase, done, total }: ProgressEvent): boolean {
  return phase === "done" || phase === "failed" || (phase === "index" && done === total);
}

function doneLine(event: ProgressEvent): string {
  if (event.phase === "failed") return `${label(event)} failed: ${visible(event.detail ?? "", 500)}`;
  if (event.phase === "index")
    return `${label(event)} ${String(event.done).padStart(7)} ${event.done === 1 ? "row" : "rows"} indexed`;
  return `${label(event)} ${String(event.done).padStart(7)} ${event.done === 1 ? "record" : "records"}, done after ${count(event.pass, "pass", "passes")}`;
}

function phase({ phase, pass }: ProgressEvent): string {
  if (phase === "index") return "building the index";
  return phase === "copy" ? "copying" : `comparing (pass ${pass})`;
}

function label({ collection }: ProgressEvent): string {
  return visible(collection, 50).padEnd(50);
}
