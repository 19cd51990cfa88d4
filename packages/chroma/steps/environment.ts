import { type JsonObject, stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { keepRun, type Run } from "../ledger/run.ts";
import type { MigrateOptions } from "../migrate.ts";
import { readMigration } from "../service/options.ts";
import type { Source } from "../source/source.ts";

/** What a step works with. Each runs in an environment of its own, perhaps in another process than the one before. */
export interface StepEnvironment {
  readonly services: Services;
  readonly source: Source;
  readonly databaseName: string;
  readonly cairnVersion: string;
  /** Aborted when the step's time is nearly over: it stops between two pages and says that it is not done. */
  readonly signal: AbortSignal;
  /** Rows that an index may be built over in a step; larger ones are left to `cairn reindex`. Default: any number. */
  readonly maxRows?: number;
}

/** Bytes of a request at most: it travels through every state, which AWS limits to 262,144. */
const MAX_REQUEST_BYTES = 100_000;

/** Throws `invalid_input` for a request that would not fit into the states of a machine. */
export function assertFits(request: JsonObject): void {
  const size = Buffer.byteLength(stringifyJson(request));
  if (size > MAX_REQUEST_BYTES)
    throw new AppError(
      "invalid_input",
      `The request has ${size} bytes, and a batch takes ${MAX_REQUEST_BYTES} at most. Use --pattern in the place of a long mapping, or several batches with --only, or cairn migrate.`,
      { path: "mapping" },
    );
}

/** What travels from step to step: ids, and what was asked for. Everything else stands in the ledger. */
export interface BatchState {
  readonly run: Pick<Run, "id" | "source" | "fence">;
  readonly request: JsonObject;
}

/** The options of a migration as a request has them, for the step at hand. */
export function stepOptions(
  { databaseName, cairnVersion, signal }: StepEnvironment,
  request: JsonObject,
): MigrateOptions {
  return { ...readMigration(request), databaseName, cairnVersion, signal };
}

/** Runs `work` while the run is this batch's and shows signs of life. Throws `run_held` where another has taken it over. */
export async function asHolder<T>(
  { services, signal }: StepEnvironment,
  { run }: BatchState,
  work: (held: { readonly run: Run; readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const held = { ...run, resumed: true };
  const stop = await keepRun(services.database, held, (error) => lost.abort(error));
  try {
    return await work({ run: held, signal: AbortSignal.any([signal, lost.signal]) });
  } finally {
    stop();
  }
}
