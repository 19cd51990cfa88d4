import { count } from "./counts.ts";

/** Delay before the first output, in milliseconds: a shorter ingest shows no progress. */
const INITIAL_DELAY_MS = 1_000;
/** Interval between two lines, in milliseconds, if standard error is not a terminal. */
const LINE_INTERVAL_MS = 5_000;
/** Interval between two updates of the line on a terminal, in milliseconds. */
const TERMINAL_INTERVAL_MS = 250;

/** Shows the progress of an ingest on standard error, after one second. `quiet` shows nothing. */
export function showIngestProgress({ quiet }: { readonly quiet: boolean }) {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY;
  let text = "reading";
  let total = 0;
  let lastLine = "";
  let printedAt = 0;
  const show = () => {
    const now = performance.now();
    if (now - started < INITIAL_DELAY_MS) return;
    if (!isTerminal && printedAt > 0 && now - printedAt < LINE_INTERVAL_MS) return;
    printedAt = now;
    const line = `  ${text}  (${((now - started) / 1000).toFixed(0)} s)`;
    process.stderr.write(isTerminal ? `\r${line.padEnd(lastLine.length)}` : `${line}\n`);
    lastLine = line;
  };
  const timer = quiet ? undefined : setInterval(show, TERMINAL_INTERVAL_MS);
  return {
    /** Sets the total number of documents. */
    begin(documents: number): void {
      total = documents;
      text = `0 of ${count(total, "document")}`;
    },
    /** Sets the number of documents that have been ingested. */
    done(documents: number): void {
      text = `${documents} of ${count(total, "document")}`;
    },
    /** Shows another step than ingesting: `building the index`. */
    phase(name: string): void {
      text = name;
    },
    stop(): void {
      clearInterval(timer);
      if (isTerminal && lastLine !== "") process.stderr.write(`\r${" ".repeat(lastLine.length)}\r`);
    },
  };
}

export type IngestProgress = ReturnType<typeof showIngestProgress>;
