import type { Database } from "../database/database.ts";
import type { IndexPlan } from "../index/settings.ts";

export interface SizeOptions {
  /** Maximum megabytes of the build. With less than it needs, it takes far longer. Default: what it needs, up to 1,024 (PGlite: 256). */
  readonly memory?: number;
  /** Parallel workers of a build with 64 megabytes or more. Default 2. Postgres may grant fewer. */
  readonly workers?: number;
}

/** A build plan and the settings of its session. */
export interface SizedBuild {
  /** With the final number of lists of an IVFFlat index. */
  readonly plan: IndexPlan;
  readonly settings: Readonly<Record<string, string>>;
}

/** Sets the memory and the parallel workers of a build. */
export function sizeBuild(
  { kind }: Pick<Database, "kind">,
  { plan, rows, dimensions }: Space & { readonly plan: IndexPlan },
  { memory, workers }: SizeOptions,
): SizedBuild {
  const maxMemory = memory ?? (kind === "pglite" ? 256 : 1_024);
  const sized = plan.type === "ivfflat" ? { ...plan, lists: fitLists(plan, { rows, dimensions, maxMemory }) } : plan;
  const needed = Math.ceil(bytesNeeded(sized, { rows, dimensions }) / 2 ** 20) + EXTRA_MB;
  const granted = Math.min(needed, maxMemory);
  const settings = { maintenance_work_mem: `${granted}MB` };
  if (kind === "pglite") return { plan: sized, settings };
  const parallelWorkers = granted < MIN_PARALLEL_MB ? 0 : (workers ?? 2);
  return {
    plan: sized,
    settings: { ...settings, max_parallel_maintenance_workers: String(parallelWorkers) },
  };
}

/**
 * Megabytes from which a build has parallel workers: Postgres needs 32 for each. The limit also avoids a fault of pgvector
 * before 0.8.2 (CVE-2026-3172) that occurs with less than 4: a parallel build reserves 3 megabytes of its memory, and subtracts
 * 1 from the rest as an unsigned number. Source: pgvector 0.8.0 and b7e680d, src/hnswbuild.c, HnswBeginParallel.
 */
const MIN_PARALLEL_MB = 64;

/** Megabytes on top of the estimate. The keyword index is built with the same memory. */
const EXTRA_MB = 64;

interface Space {
  readonly rows: number;
  readonly dimensions: number;
}

function bytesNeeded(plan: IndexPlan, { rows, dimensions }: Space): number {
  const vector = { vector: 4, halfvec: 2, bit: 1 / 8 }[plan.precision] * dimensions;
  return plan.lists !== undefined && plan.type === "ivfflat"
    ? clusteringBytes(plan.lists, { rows, dimensions, vector: vector + 16 })
    : 1.3 * rows * (vector + 40 * plan.m + 200);
}

/**
 * Bytes of the clustering; pgvector refuses to start with less. They grow with the square of the lists, independent of the
 * rows. Source: pgvector 0.8, src/ivfkmeans.c, ElkanKmeans and src/ivfbuild.c, ComputeCenters.
 */
function clusteringBytes(lists: number, { rows, dimensions, vector }: Space & { readonly vector: number }): number {
  const capacity = Math.max(10_000, 50 * lists);
  const samples = Math.min(rows, capacity);
  return (
    capacity * vector +
    lists * (2 * vector + 4 * dimensions) +
    4 * (samples * lists + lists * lists + 2 * samples + 3 * lists)
  );
}

/** Minimum rows of a list: with fewer, finding the nearest lists costs more than reading them. */
const MIN_ROWS_PER_LIST = 10;

/** The requested lists, limited by the rows and the memory of the build. */
function fitLists(plan: IndexPlan, { maxMemory, ...space }: Space & { readonly maxMemory: number }): number {
  const limit = Math.max(10, Math.floor(space.rows / MIN_ROWS_PER_LIST));
  let lists = Math.min(plan.lists ?? defaultLists(space.rows), limit);
  while (lists > 1 && bytesNeeded({ ...plan, lists }, space) > maxMemory * 2 ** 20) lists = Math.floor(lists * 0.95);
  return lists;
}

/** Source: pgvector's README, "IVFFlat": rows / 1,000 up to a million rows, and their square root beyond. */
function defaultLists(rows: number): number {
  return Math.max(10, Math.round(rows <= 1_000_000 ? rows / 1_000 : Math.sqrt(rows)));
}
