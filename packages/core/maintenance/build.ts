import { TAIL_PLAN } from "../collection/index-settings.ts";
import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { OUT_OF_RANGE } from "./attempt.ts";
import { measureBinaryRecall } from "./binary-recall.ts";
import { type Calibration, calibrate } from "./calibrate.ts";
import { type Build, type Candidate, planCandidates } from "./candidates.ts";
import { keywordIndex, newNotes, plannedIndex, vectorIndex } from "./planned-index.ts";
import { dropIndexes, dropStatement, prepare, publish } from "./register.ts";
import { type SizedBuild, type SizeOptions, sizeBuild } from "./size.ts";

export interface BuildOptions extends SizeOptions {
  /** Builds over more rows are left to who has the time for them, see `rowsBuiltIn`. Default: none are. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
}

export interface Built {
  readonly rows: number;
  readonly seconds: number;
}

/**
 * Builds the indexes of a range beside whatever serves it now, without blocking a writer, then lets searches use
 * them instead. What they supersede is left as `retired`. Only under the lease: one build at a time.
 */
export async function buildRange(
  database: Database,
  build: Build,
  options: BuildOptions = {},
): Promise<Built> {
  const recall = await measureBinaryRecall(database, build.collection, build.range);
  for (const candidate of planCandidates(build, recall)) {
    const built = await buildCandidate(database, build, candidate, options);
    if (built) return built;
  }
  throw new Error("The last candidate of a build succeeds or fails with an error of its own.");
}

/** Undefined where the next candidate is to be made. */
async function buildCandidate(
  database: Database,
  { collection, range }: Build,
  { plan, notes, hasTail, isLast }: Candidate,
  options: BuildOptions,
): Promise<Built | undefined> {
  const size = { plan, rows: range.rows, dimensions: collection.dimensions as number };
  const { plan: sized, settings } = sizeBuild(database, size, options);
  const vector = plannedIndex("vector", collection, range, {
    ...sized,
    ...notes,
    ...newNotes(sized),
  });
  const keyword = plannedIndex("keyword", collection, range, {
    language: collection.language,
    metadata: true,
    bigrams: true,
  });
  const { leaf, tail } = await prepare(database, collection, range, {
    planned: [vector, keyword],
    tailPlan: hasTail ? { ...TAIL_PLAN, ...newNotes(TAIL_PLAN) } : undefined,
  });
  const planned = tail ? [vector, keyword, tail] : [vector, keyword];
  const started = performance.now();
  const givesWay = ({ coarse }: Calibration) => coarse === true && !isLast;
  const give = (statements: readonly string[], signal?: AbortSignal) =>
    database.maintain(statements, settings, signal);
  let calibration: Calibration;
  try {
    await give([`ANALYZE ${leaf} (tenant_id, collection_id, segment)`], options.signal);
    await buildGraph(database, vectorIndex(vector, leaf, collection), {
      name: vector.name,
      settings,
      ...options,
    });
    const others = [keywordIndex(keyword, leaf, collection)];
    if (tail) others.push(vectorIndex(tail, leaf, collection));
    // The graph is asked while the others are built: four seconds, and the other processor's.
    calibration = await beside(
      () => calibrate(database, collection, { ...vector, plan: vector.settings }),
      (signal) => give(others, signal),
      { enough: givesWay, signal: options.signal },
    );
    if (givesWay(calibration)) {
      await dropIndexes(database, collection, planned);
      return undefined;
    }
  } catch (error) {
    // Whoever ended it has no time to lose; the next run drops what is left.
    if (!options.signal?.aborted) await dropIndexes(database, collection, planned);
    if (isLast || !hasSqlState(error, OUT_OF_RANGE)) throw error;
    return undefined;
  }
  const seconds = (performance.now() - started) / 1000;
  await publish(database, collection, { range, planned, calibration, seconds });
  return { rows: range.rows, seconds };
}

/** Out of room on what holds shared memory, and out of memory. */
const NO_ROOM = ["53100", "53200"];

/**
 * With processes that help, or, where there is no room for the memory that they share, without: a container has 64 MB of it
 * unless it is told otherwise.
 */
async function buildGraph(
  database: Database,
  statement: string,
  {
    name,
    settings,
    signal,
  }: Pick<SizedBuild, "settings"> & Pick<BuildOptions, "signal"> & { readonly name: string },
): Promise<void> {
  try {
    await database.maintain([statement], settings, signal);
  } catch (error) {
    if (!NO_ROOM.some((sqlstate) => hasSqlState(error, sqlstate))) throw error;
    const alone = { ...settings, max_parallel_maintenance_workers: "0" };
    await database.maintain([dropStatement(name), statement], alone, signal);
  }
}

/**
 * What `ask` gives, with `work` done beside it, which is ended where the answer is `enough` by itself. Both have ended
 * when this does, whichever failed: what was begun is not dropped under it.
 */
async function beside<T>(
  ask: () => Promise<T>,
  work: (signal: AbortSignal) => Promise<void>,
  { enough, signal }: { readonly enough: (answer: T) => boolean; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const ending = new AbortController();
  const asked = ask().then((answer) => {
    if (enough(answer)) ending.abort();
    return answer;
  });
  const working = work(AbortSignal.any(signal ? [ending.signal, signal] : [ending.signal]));
  await Promise.allSettled([asked, working]);
  signal?.throwIfAborted();
  if (!ending.signal.aborted) await working;
  return asked;
}
