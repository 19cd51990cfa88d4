import { type JsonObject, stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { type Run, resumeHeartbeat } from "../ledger/run.ts";
import type { MigrateOptions } from "../migrate.ts";
import { parseMigrationRequest } from "../service/options.ts";
import type { Source } from "../source/source.ts";

/** The environment of a step. Each step has its own, perhaps in another process than the step before. */
export interface StepEnvironment {
  readonly services: Services;
  readonly source: Source;
  readonly databaseName: string;
  readonly cairnVersion: string;
  /** Aborted when the step's time is nearly over. The step then stops between two pages and reports that it is not done. */
  readonly signal: AbortSignal;
  /** Maximum rows of an index that a step builds. Larger indexes are left to `cairn reindex`. Default: no limit. */
  readonly maxRows?: number;
}

/** Maximum bytes of a request. It is part of every state, which AWS limits to 262,144 bytes. */
const MAX_REQUEST_BYTES = 100_000;

/** Throws `invalid_input` for a request that is too large for the states of a state machine. */
export function assertRequestSize(request: JsonObject): void {
  const size = Buffer.byteLength(stringifyJson(request));
  if (size > MAX_REQUEST_BYTES)
    throw new AppError(
      "invalid_input",
      `The request has ${size} bytes, but a batch accepts ${MAX_REQUEST_BYTES} at most. Use --pattern instead of a long mapping, several batches with --only, or cairn migrate.`,
      { path: "mapping" },
    );
}

/** The state that is passed from step to step: the run and the request. Everything else is in the ledger. */
export interface BatchState {
  readonly run: Pick<Run, "id" | "source" | "fence">;
  readonly request: JsonObject;
}

/** The options of a migration from its request, for one step. */
export function stepOptions(
  { databaseName, cairnVersion, signal }: StepEnvironment,
  request: JsonObject,
): MigrateOptions {
  return { ...parseMigrationRequest(request), databaseName, cairnVersion, signal };
}

/** Runs `work` under the batch's lease and renews it. Throws `run_held` if the lease is lost. */
export async function withRunLease<T>(
  { services, signal }: StepEnvironment,
  { run }: BatchState,
  work: (leased: { readonly run: Run; readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const leased = { ...run, resumed: true };
  const stop = await resumeHeartbeat(services.database, leased, (error) => lost.abort(error));
  try {
    return await work({ run: leased, signal: AbortSignal.any([signal, lost.signal]) });
  } finally {
    stop();
  }
}
