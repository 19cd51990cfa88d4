import { type SQL, sql } from "drizzle-orm";

/** A range of segments, both ends included. */
export interface Segments {
  readonly first: number;
  readonly last: number;
}

/** Last segment of the tail: the largest `integer` of Postgres. */
export const LAST_SEGMENT = 2_147_483_647;

/**
 * The predicate of an index, as a condition on a row. A query must repeat it verbatim, or Postgres does not use the index.
 * During a rebuild two indexes cover the same segments: `mark`, a chunk number that no row has, distinguishes them.
 */
export function segmentCondition({ first, last }: Segments, { mark }: { readonly mark?: number } = {}): string {
  const range = `segment >= ${Math.trunc(first)} AND segment <= ${Math.trunc(last)}`;
  return mark === undefined ? range : `${range} AND chunk <> -${Math.trunc(mark)}`;
}

/** The segments that no range covers: gaps, and those after the last range. */
export function uncoveredSegments(ranges: readonly Segments[]): readonly Segments[] {
  const gaps: Segments[] = [];
  let next = 0;
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    if (first > next) gaps.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_SEGMENT) gaps.push({ first: next, last: LAST_SEGMENT });
  return gaps;
}

/** Segment ranges as a condition on a row. A range to the last segment has no upper bound. */
export function segmentsCondition(ranges: readonly Segments[]): SQL {
  const conditions = ranges.map(({ first, last }) =>
    last === LAST_SEGMENT ? `segment >= ${first}` : `segment >= ${first} AND segment < ${last + 1}`,
  );
  const [only] = conditions;
  if (only === undefined) return sql`false`;
  return sql.raw(conditions.length === 1 ? only : `(${conditions.join(" OR ")})`);
}
