import type { Metric } from "@cairn/core/index/metric.ts";
import type { DifferingRecord } from "./outcome.ts";
import { type ComparedRow, differingFields } from "./rows.ts";
import { elementTolerance, isSameDistance } from "./tolerance.ts";

export interface HitsOptions {
  /** Requested hits. */
  readonly limit: number;
  readonly pending: ReadonlySet<string>;
  readonly metric: Metric;
}

/** How the hits of two answers compare. */
export interface ComparedHits {
  /** The compared hits of each side: without those in flight, and equally many of both unless a side had no more. */
  readonly first: readonly ComparedRow[];
  readonly second: readonly ComparedRow[];
  /** Hits that only one side has, and that are not as far as the last hit of the other. */
  readonly onlyFirst: readonly ComparedRow[];
  readonly onlySecond: readonly ComparedRow[];
  /** Hits of both sides whose fields or distances differ. */
  readonly differing: readonly DifferingRecord[];
  /** Number of first hits that are known of both sides. A side that has fewer has no more. */
  readonly known: number;
  /** The largest magnitude of a distance. */
  readonly largest: number;
  /** Share of the hits that agree, 0 to 1. */
  readonly agreement: number;
}

/**
 * Compares the hits of one query vector. Hits at equal distance are interchangeable at the end of the list, where the
 * limit cuts through them.
 */
export function compareHits(
  all: readonly [readonly ComparedRow[], readonly ComparedRow[]],
  options: HitsOptions,
): ComparedHits {
  const { first, second, known } = settledHits(all, options);
  const largest = [...first, ...second].reduce(
    (magnitude, { distance = 0 }) => Math.max(magnitude, Math.abs(distance)),
    0,
  );
  const isCut = first.length === known && second.length === known;
  const missingIn = (rows: readonly ComparedRow[], others: readonly ComparedRow[]) => {
    const ids = new Set(others.map(({ id }) => id));
    const last = others.at(-1);
    const isTied = (row: ComparedRow) => isCut && last !== undefined && isNear(row, last, { ...options, largest });
    return rows.filter((row) => !ids.has(row.id) && !isTied(row));
  };
  const onlyFirst = missingIn(first, second);
  const onlySecond = missingIn(second, first);
  const differing = differingHits(first, second, { ...options, largest });
  const rows = Math.max(first.length, second.length);
  const disagreeing = Math.max(onlyFirst.length, onlySecond.length) + differing.length;
  const agreement = rows === 0 ? 1 : Math.max(0, 1 - disagreeing / rows);
  return { first, second, onlyFirst, onlySecond, differing, known, largest, agreement };
}

interface NearOptions {
  readonly metric: Metric;
  readonly largest: number;
}

/** Whether both hits have a distance, and the same one. */
function isNear({ distance: a }: ComparedRow, { distance: b }: ComparedRow, { metric, largest }: NearOptions): boolean {
  return a !== undefined && b !== undefined && isSameDistance(metric, [a, b], largest);
}

/** Hits of both sides with different fields or distances. A response need not include distances. */
function differingHits(
  first: readonly ComparedRow[],
  second: readonly ComparedRow[],
  options: NearOptions,
): readonly DifferingRecord[] {
  const firstById = new Map(first.map((row) => [row.id, row]));
  const vectorTolerance = elementTolerance(options.metric);
  return second.flatMap((row): readonly DifferingRecord[] => {
    const other = firstById.get(row.id);
    if (!other) return [];
    const hasDistances = other.distance !== undefined && row.distance !== undefined;
    const isFarther = hasDistances && !isNear(other, row, options);
    const fields = [...differingFields(other, row, { vectorTolerance }), ...(isFarther ? (["distance"] as const) : [])];
    return fields.length > 0 ? [{ id: row.id, fields }] : [];
  });
}

export function hitsAgree({ onlyFirst, onlySecond, differing }: ComparedHits): boolean {
  return onlyFirst.length + onlySecond.length + differing.length === 0;
}

interface SettledHits {
  readonly first: readonly ComparedRow[];
  readonly second: readonly ComparedRow[];
  readonly known: number;
}

/**
 * The hits of both sides without those in flight. A side that returned as many as requested may have more, so the longer
 * list ends where the shorter one ends, unless that one is complete.
 */
function settledHits(
  [firstRows, secondRows]: readonly [readonly ComparedRow[], readonly ComparedRow[]],
  { limit, pending }: HitsOptions,
): SettledHits {
  const settle = (rows: readonly ComparedRow[]) => rows.filter(({ id }) => !pending.has(id));
  const knownOf = (rows: readonly ComparedRow[]) =>
    rows.length < limit ? Number.POSITIVE_INFINITY : settle(rows).length;
  const known = Math.min(knownOf(firstRows), knownOf(secondRows));
  const first = settle(firstRows).slice(0, known);
  const second = settle(secondRows).slice(0, known);
  return { first, second, known };
}
