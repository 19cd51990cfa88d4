/** A set of Unicode scalar values: ranges, both ends included, sorted, neither overlapping nor touching. */
export type CodePoints = readonly Range[];
export type Range = readonly [first: number, last: number];

/** Every character there is. Surrogates are no characters: neither Rust nor Postgres has them in a text. */
export const EVERY: CodePoints = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** A function that computes its result once for each set, for as long as the set is in use. */
export function remember<T>(compute: (set: CodePoints) => T): (set: CodePoints) => T {
  const results = new WeakMap<CodePoints, T>();
  return (set) => {
    const known = results.get(set);
    if (known !== undefined) return known;
    const result = compute(set);
    results.set(set, result);
    return result;
  };
}

/** Any ranges, brought in order. */
export function codePoints(ranges: Iterable<Range>): CodePoints {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export function union(...sets: readonly CodePoints[]): CodePoints {
  return codePoints(sets.flat());
}

export function intersection(a: CodePoints, b: CodePoints): CodePoints {
  const common: Range[] = [];
  let i = 0;
  let j = 0;
  for (let x = a[0], y = b[0]; x && y; x = a[i], y = b[j]) {
    const first = Math.max(x[0], y[0]);
    const last = Math.min(x[1], y[1]);
    if (first <= last) common.push([first, last]);
    if (x[1] < y[1]) i += 1;
    else j += 1;
  }
  return common;
}

export function complement(set: CodePoints): CodePoints {
  const gaps: Range[] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= 0x10ffff) gaps.push([next, 0x10ffff]);
  return intersection(gaps, EVERY);
}

export function difference(a: CodePoints, b: CodePoints): CodePoints {
  return intersection(a, complement(b));
}

export function includes(set: CodePoints, point: number): boolean {
  return set.some(([first, last]) => first <= point && point <= last);
}
