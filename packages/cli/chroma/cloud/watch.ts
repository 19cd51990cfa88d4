import { setTimeout as sleep } from "node:timers/promises";
import type { DescribeExecutionOutput } from "@aws-sdk/client-sfn";
import { readReport } from "@cairn/chroma/ledger/results.ts";
import { readLatestRun } from "@cairn/chroma/ledger/run-snapshot.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { showProgress } from "../progress.ts";
import type { Machine } from "./machine.ts";

/** Interval between two reads of a running migration, in milliseconds. */
const POLL_INTERVAL_MS = 1_000;

/** Shows the progress of an execution until it ends, and returns the report. Throws the error of a failed execution. */
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
      const run = await readLatestRun(database);
      // Until this execution has planned, the newest run belongs to an earlier execution.
      const isCurrent = run && (!run.finishedAt || run.finishedAt >= (described.startDate ?? new Date(0)));
      for (const event of isCurrent ? run.collections : []) {
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
          `The database has no report of run ${runId}. Check that DATABASE_URL is the database of the service.`,
        );
      }
      if (described.status !== "RUNNING") throw executionError(described);
      await sleep(POLL_INTERVAL_MS, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted)
      throw new AppError(
        "source_unavailable",
        "Stopped watching; the migration continues. To watch it again: cairn cloud status --watch. To stop it: cairn cloud cancel",
      );
    throw error;
  } finally {
    progress.stop();
  }
}

function executionError({ status, error, cause }: DescribeExecutionOutput) {
  const isLeased = cause?.startsWith("run_held");
  return new AppError(
    isLeased ? "run_held" : "source_unavailable",
    `The batch ended with status ${status}${error ? ` (${error})` : ""}: ${cause ?? "AWS gives no reason"}`,
  );
}
