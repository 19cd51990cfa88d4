import { accept, type Cursor, invalidRegex, peek, until } from "./cursor.ts";

/** The largest count that Postgres supports. */
const MAX_COUNT = 255;

export interface Quantifier {
  /** The quantifier in Postgres' syntax. Always greedy: whether a text matches does not depend on it. */
  readonly sql: string;
  readonly min: number;
  /** Undefined: unlimited. */
  readonly max: number | undefined;
}

const SIGNS: readonly Quantifier[] = [
  { sql: "*", min: 0, max: undefined },
  { sql: "+", min: 1, max: undefined },
  { sql: "?", min: 0, max: 1 },
];

/** Reads `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`, lazy or not, if one is next. Throws `invalid_filter`. */
export function readQuantifier(cursor: Cursor): Quantifier | undefined {
  const quantifier = SIGNS.find(({ sql }) => accept(cursor, sql)) ?? readCounts(cursor);
  if (quantifier) accept(cursor, "?");
  return quantifier;
}

function readCounts(cursor: Cursor): Quantifier | undefined {
  if (peek(cursor) !== "{") return undefined;
  const start = cursor.at;
  cursor.at += 1;
  const counts = /^\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?$/.exec(until(cursor, "}"));
  if (!counts) throw invalidRegex(cursor, start, "has a quantifier that is none of {n}, {n,} and {n,m}");
  const min = Number(counts[1]);
  const max = counts[2] ? (counts[3] ? Number(counts[3]) : undefined) : min;
  if (max !== undefined && min > max)
    throw invalidRegex(cursor, start, "has a quantifier whose minimum is greater than its maximum");
  if (Math.max(min, max ?? 0) > MAX_COUNT) throw invalidRegex(cursor, start, `repeats more than ${MAX_COUNT} times`);
  return { sql: min === max ? `{${min}}` : `{${min},${max ?? ""}}`, min, max };
}
