import { setTimeout as sleep } from "node:timers/promises";
import { readReport } from "@cairn/chroma/ledger/batch.ts";
import { readNewestRun } from "@cairn/chroma/ledger/watch.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { showProgress } from "../terminal/progress.ts";
import type { Machine } from "./machine.ts";

/** Milliseconds between two looks at a run under way. */
const LOOK = 1_000;

/** Shows the run until its execution has ended, and returns its proof. Throws what the batch failed of. */
export async function watchExecution(
  database: Database,
  machine: Machine,
  execution: string,
  json: boolean,
  signal: AbortSignal,
): Promise<MigrationReport> {
  const progress = showProgress(json);
  const shown = new Map<string, string>();
  try {
    for (;;) {
      const described = await machine.describe(execution);
      const run = await readNewestRun(database);
      // Until it has planned, the newest run is that of an earlier execution.
      const own = run && (!run.finishedAt || run.finishedAt >= (described.startDate ?? new Date(0)));
      for (const event of own ? run.collections : []) {
        const state = JSON.stringify(event);
        if (shown.get(event.collection) !== state) progress.show(event);
        shown.set(event.collection, state);
      }
      if (described.status === "SUCCEEDED") {
        const { runId } = JSON.parse(described.output ?? "{}") as { readonly runId: string };
        const report = await readReport(database, runId);
        if (report) return report;
        throw new AppError(
          "not_found",
          `The database has no report of run ${runId}. Is DATABASE_URL the service's?`,
        );
      }
      if (described.status !== "RUNNING") throw failure(described);
      await sleep(LOOK, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted)
      throw new AppError(
        "source_unavailable",
        "Stopped watching; the migration goes on. Watch it again: cairn cloud status --watch. Stop it: cairn cloud cancel",
      );
    throw error;
  } finally {
    progress.stop();
  }
}

function failure({
  status,
  error,
  cause,
}: {
  readonly status?: string;
  readonly error?: string;
  readonly cause?: string;
}) {
  const held = cause?.startsWith("run_held");
  return new AppError(
    held ? "run_held" : "source_unavailable",
    `The batch ended ${status}${error ? ` (${error})` : ""}: ${cause ?? "AWS says no more"}`,
  );
}
