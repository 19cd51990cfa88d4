import type { IndexPlan } from "../collection/index-settings.ts";
import type { Database } from "../database/database.ts";

export interface SizeOptions {
  /** Megabytes that the build may take; beyond it takes far longer. Default: what it needs, 1,024 at most (PGlite: 256). */
  readonly memory?: number;
  /** Processes that help with a build that has 64 megabytes or more. Default 2; Postgres lends fewer where it has no more. */
  readonly workers?: number;
}

/** What is built, and the settings of the session that builds it. */
export interface SizedBuild {
  /** With the lists that an ivfflat index has in the end. */
  readonly plan: IndexPlan;
  readonly settings: Readonly<Record<string, string>>;
}

/** Finds the memory that a build needs, within what it may take, and the processes that help. */
export function sizeBuild(
  { kind }: Pick<Database, "kind">,
  { plan, rows, dimensions }: Space & { readonly plan: IndexPlan },
  { memory, workers }: SizeOptions,
): SizedBuild {
  const most = memory ?? (kind === "pglite" ? 256 : 1_024);
  const sized =
    plan.type === "ivfflat" ? { ...plan, lists: fitLists(plan, { rows, dimensions, most }) } : plan;
  const needed = Math.ceil(bytesNeeded(sized, { rows, dimensions }) / 2 ** 20) + SPARE;
  const given = Math.min(needed, most);
  const settings = { maintenance_work_mem: `${given}MB` };
  if (kind === "pglite") return { plan: sized, settings };
  const helpers = given < LEAST_SHARED ? 0 : (workers ?? 2);
  return { plan: sized, settings: { ...settings, max_parallel_maintenance_workers: String(helpers) } };
}

/**
 * Megabytes from which on processes help: Postgres wants 32 for each. It is also what keeps a build from the fault of pgvector
 * before 0.8.2 (CVE-2026-3172), which takes less than 4: of what it is given, a build in parallel sets aside 3, and counts
 * what is left less 1 without a sign. Source: pgvector 0.8.0 and b7e680d, src/hnswbuild.c, HnswBeginParallel.
 */
const LEAST_SHARED = 64;

/** Megabytes for what is not counted: the keyword index is built with as much. */
const SPARE = 64;

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
 * What finding the lists' centers takes; pgvector refuses to begin with less. It grows with the square of the lists,
 * whatever the rows. Source: pgvector 0.8, src/ivfkmeans.c, ElkanKmeans and src/ivfbuild.c, ComputeCenters.
 */
function clusteringBytes(
  lists: number,
  { rows, dimensions, vector }: Space & { readonly vector: number },
): number {
  const room = Math.max(10_000, 50 * lists);
  const samples = Math.min(rows, room);
  return (
    room * vector +
    lists * (2 * vector + 4 * dimensions) +
    4 * (samples * lists + lists * lists + 2 * samples + 3 * lists)
  );
}

/** Rows a list at least: with fewer, looking for the nearest lists costs more than what is in them. */
const LEAST_IN_LIST = 10;

/** The lists that were asked for, as far as there are rows and memory for them. */
function fitLists(plan: IndexPlan, { most, ...space }: Space & { readonly most: number }): number {
  const sensible = Math.max(10, Math.floor(space.rows / LEAST_IN_LIST));
  let lists = Math.min(plan.lists ?? defaultLists(space.rows), sensible);
  while (lists > 1 && bytesNeeded({ ...plan, lists }, space) > most * 2 ** 20)
    lists = Math.floor(lists * 0.95);
  return lists;
}

/** Source: pgvector's README, "IVFFlat": rows / 1,000 up to a million rows, their square root from there on. */
function defaultLists(rows: number): number {
  return Math.max(10, Math.round(rows <= 1_000_000 ? rows / 1_000 : Math.sqrt(rows)));
}
