import { accept, type Cursor, peek, refusal, until } from "./cursor.ts";

/** The largest count that Postgres takes. */
const MAX_COUNT = 255;

export interface Repeat {
  /** The same in Postgres' syntax. Greedy or not is left out: whether a text matches does not depend on it. */
  readonly sql: string;
  readonly least: number;
  /** Undefined: without end. */
  readonly most: number | undefined;
}

const SIGNS: readonly Repeat[] = [
  { sql: "*", least: 0, most: undefined },
  { sql: "+", least: 1, most: undefined },
  { sql: "?", least: 0, most: 1 },
];

/** Reads `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`, lazy or not, if one stands next. Throws `invalid_filter`. */
export function readRepeat(cursor: Cursor): Repeat | undefined {
  const repeat = SIGNS.find(({ sql }) => accept(cursor, sql)) ?? readCounts(cursor);
  if (repeat) accept(cursor, "?");
  return repeat;
}

function readCounts(cursor: Cursor): Repeat | undefined {
  if (peek(cursor) !== "{") return undefined;
  const start = cursor.at;
  cursor.at += 1;
  const counts = /^\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?$/.exec(until(cursor, "}"));
  if (!counts) throw refusal(cursor, start, "has a repeat that is none of {n}, {n,} and {n,m}");
  const least = Number(counts[1]);
  const most = counts[2] ? (counts[3] ? Number(counts[3]) : undefined) : least;
  if (most !== undefined && least > most) throw refusal(cursor, start, "repeats from more to fewer");
  if (Math.max(least, most ?? 0) > MAX_COUNT)
    throw refusal(cursor, start, `repeats more than ${MAX_COUNT} times`);
  return { sql: least === most ? `{${least}}` : `{${least},${most ?? ""}}`, least, most };
}
