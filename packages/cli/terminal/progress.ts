import type { ProgressEvent } from "@cairn/chroma/copy/context.ts";
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { count } from "./counts.ts";
import { visible } from "./print.ts";

export interface ProgressDisplay {
  readonly show: (event: ProgressEvent) => void;
  readonly stop: () => void;
}

const FORMAT = "  {name} {bar} {percentage}% {value}/{total} {phase}";

/** A bar for each collection under way, on standard error; a line when it is done. Without a terminal: only lines. */
export function showProgress(quiet: boolean): ProgressDisplay {
  if (quiet) return { show: () => {}, stop: () => {} };
  return process.stderr.isTTY ? showBars() : { show: showLine(), stop: () => {} };
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
      // A finished bar becomes a line above the others, or thousands of collections would fill the screen.
      bar.stop();
      display.remove(bar);
      display.log(`  ${doneLine(event)}\n`);
    },
    stop: () => display.stop(),
  };
}

function showLine(): (event: ProgressEvent) => void {
  let shown = 0;
  return (event) => {
    const now = Date.now();
    if (!isEnd(event) && now - shown < 5_000) return;
    shown = now;
    const line = isEnd(event)
      ? doneLine(event)
      : `${label(event)} ${event.done}/${event.total} ${phase(event)}`;
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
  if (phase === "index") return "building its index";
  return phase === "copy" ? "copying" : `comparing (pass ${pass})`;
}

function label({ collection }: ProgressEvent): string {
  return visible(collection, 50).padEnd(50);
}
