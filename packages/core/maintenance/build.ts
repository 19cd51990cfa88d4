import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { tailAccuracy } from "../index/accuracy.ts";
import { TAIL_PLAN } from "../index/settings.ts";
import { NUMERIC_VALUE_OUT_OF_RANGE } from "./attempt.ts";
import { measureBinaryRecall } from "./binary-recall.ts";
import { type Calibration, calibrate } from "./calibrate.ts";
import { type Build, type Candidate, planCandidates } from "./candidates.ts";
import { keywordIndexStatement, newBuildNotes, planIndex, vectorIndexStatement } from "./planned-index.ts";
import { dropIndexes, dropStatement, publish, registerBuild } from "./register.ts";
import { type SizedBuild, type SizeOptions, sizeBuild } from "./size.ts";

export interface BuildOptions extends SizeOptions {
  /** Builds over more rows are skipped, for a process with more time, see `rowsBuiltIn`. Default: no limit. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
}

export interface BuildResult {
  readonly rows: number;
  readonly seconds: number;
}

/**
 * Builds the indexes of a segment range without blocking writers, then makes searches use them. The current indexes serve until
 * then and are left as `retired`. Needs the lease: one build runs at a time.
 */
export async function buildRange(database: Database, build: Build, options: BuildOptions = {}): Promise<BuildResult> {
  const recall = await measureBinaryRecall(database, build.collection, build.range);
  for (const candidate of planCandidates(build, recall)) {
    const result = await buildCandidate(database, build, candidate, options);
    if (result) return result;
  }
  throw new Error("The last candidate build neither succeeded nor failed.");
}

/** Builds one candidate. Undefined if it is discarded and the next candidate has to be built. */
async function buildCandidate(
  database: Database,
  { collection, range }: Build,
  { plan, notes, hasTail, isLast }: Candidate,
  options: BuildOptions,
): Promise<BuildResult | undefined> {
  const size = { plan, rows: range.rows, dimensions: collection.dimensions as number };
  const { plan: sized, settings } = sizeBuild(database, size, options);
  const vector = planIndex("vector", collection, range, {
    ...sized,
    ...notes,
    ...newBuildNotes(sized),
  });
  const keyword = planIndex("keyword", collection, range, {
    language: collection.language,
    metadata: true,
    bigrams: true,
    numbers: true,
  });
  const { partition, tail } = await registerBuild(database, collection, range, {
    planned: [vector, keyword],
    tailPlan: hasTail
      ? { ...TAIL_PLAN, ...newBuildNotes(TAIL_PLAN), accuracy: tailAccuracy(notes.accuracy) }
      : undefined,
  });
  const planned = tail ? [vector, keyword, tail] : [vector, keyword];
  const startedAt = performance.now();
  const isDiscarded = ({ accuracy: { kind, isBinaryTooCoarse } }: Calibration) =>
    kind === "binary" && isBinaryTooCoarse && !isLast;
  const run = (statements: readonly string[], signal?: AbortSignal) => database.maintain(statements, settings, signal);
  let calibration: Calibration;
  try {
    await run([`ANALYZE ${partition} (tenant_id, collection_id, segment)`], options.signal);
    await buildVectorIndex(database, vectorIndexStatement(vector, partition, collection), {
      name: vector.name,
      settings,
      ...options,
    });
    const others = [keywordIndexStatement(keyword, partition, collection)];
    if (tail) others.push(vectorIndexStatement(tail, partition, collection));
    // Calibration runs during the other builds: it takes four seconds, on another processor.
    calibration = await measureDuring(
      (signal) => run(others, signal),
      () => calibrate(database, collection, { ...vector, plan: vector.settings }),
      { endsWork: isDiscarded, signal: options.signal },
    );
    if (isDiscarded(calibration)) {
      await dropIndexes(database, collection, planned);
      return undefined;
    }
  } catch (error) {
    // An aborted build has no time for cleanup; the next run drops its indexes.
    if (!options.signal?.aborted) await dropIndexes(database, collection, planned);
    if (isLast || !hasSqlState(error, NUMERIC_VALUE_OUT_OF_RANGE)) throw error;
    return undefined;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await publish(database, collection, { range, planned, calibration, seconds });
  return { rows: range.rows, seconds };
}

/** SQLSTATEs: disk full (also of the file system with shared memory), and out of memory. */
const OUT_OF_MEMORY = ["53100", "53200"];

/**
 * Builds a vector index with parallel workers, or without them if their shared memory does not fit: a container has 64 MB of
 * shared memory by default.
 */
async function buildVectorIndex(
  database: Database,
  statement: string,
  { name, settings, signal }: Pick<SizedBuild, "settings"> & Pick<BuildOptions, "signal"> & { readonly name: string },
): Promise<void> {
  try {
    await database.maintain([statement], settings, signal);
  } catch (error) {
    if (!OUT_OF_MEMORY.some((sqlstate) => hasSqlState(error, sqlstate))) throw error;
    const serial = { ...settings, max_parallel_maintenance_workers: "0" };
    await database.maintain([dropStatement(name), statement], serial, signal);
  }
}

/**
 * Runs `work` and `measure` at the same time and returns the measurement. `work` is aborted if the measurement makes it useless
 * (`endsWork`). Both have settled when this returns or throws, so that the caller can drop what they were building.
 */
async function measureDuring<T>(
  work: (signal: AbortSignal) => Promise<void>,
  measure: () => Promise<T>,
  { endsWork, signal }: { readonly endsWork: (result: T) => boolean; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const abort = new AbortController();
  const measured = measure().then((result) => {
    if (endsWork(result)) abort.abort();
    return result;
  });
  const working = work(AbortSignal.any(signal ? [abort.signal, signal] : [abort.signal]));
  await Promise.allSettled([measured, working]);
  signal?.throwIfAborted();
  if (!abort.signal.aborted) await working;
  return measured;
}
