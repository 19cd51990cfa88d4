import { count } from "./counts.ts";

/** Milliseconds before anything is shown: a shorter ingest needs no progress. */
const FIRST_MS = 1_000;
/** Milliseconds between two lines where standard error is no terminal. */
const LINE_MS = 5_000;
/** Milliseconds between two states of the one line on a terminal. */
const TERMINAL_MS = 250;

/** Shows on standard error how far an ingest is, from its second second on. `quiet`: shows nothing. */
export function showIngestProgress({ quiet }: { readonly quiet: boolean }) {
  const started = performance.now();
  const terminal = process.stderr.isTTY;
  let text = "reading";
  let total = 0;
  let shown = "";
  let printed = 0;
  const show = () => {
    const now = performance.now();
    if (now - started < FIRST_MS || (!terminal && printed > 0 && now - printed < LINE_MS)) return;
    printed = now;
    const line = `  ${text}  (${((now - started) / 1000).toFixed(0)} s)`;
    process.stderr.write(terminal ? `\r${line.padEnd(shown.length)}` : `${line}\n`);
    shown = line;
  };
  const timer = quiet ? undefined : setInterval(show, TERMINAL_MS);
  return {
    begin(documents: number): void {
      total = documents;
      text = `0 of ${count(total, "document")}`;
    },
    /** Documents that have been ingested. */
    done(documents: number): void {
      text = `${documents} of ${count(total, "document")}`;
    },
    /** What happens now, where it is not ingesting: `building the index`. */
    phase(name: string): void {
      text = name;
    },
    stop(): void {
      clearInterval(timer);
      if (terminal && shown !== "") process.stderr.write(`\r${" ".repeat(shown.length)}\r`);
    },
  };
}

export type IngestProgress = ReturnType<typeof showIngestProgress>;
