/** A set of Unicode scalar values: sorted inclusive ranges that neither overlap nor touch. */
export type CodePoints = readonly Range[];
export type Range = readonly [first: number, last: number];

/** All characters. Surrogates are not characters: neither Rust nor Postgres allows them in a text. */
export const ALL_CHARACTERS: CodePoints = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** A function that caches the result for each set object while the object is in use. */
export function memoize<T>(compute: (set: CodePoints) => T): (set: CodePoints) => T {
  const results = new WeakMap<CodePoints, T>();
  return (set) => {
    const cached = results.get(set);
    if (cached !== undefined) return cached;
    const result = compute(set);
    results.set(set, result);
    return result;
  };
}

/** The set of any ranges, sorted and merged. */
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
  return intersection(gaps, ALL_CHARACTERS);
}

export function difference(a: CodePoints, b: CodePoints): CodePoints {
  return intersection(a, complement(b));
}

export function includes(set: CodePoints, point: number): boolean {
  return set.some(([first, last]) => first <= point && point <= last);
}
