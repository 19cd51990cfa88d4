/** Rows of 1,536 dimensions that one process indexes in a given time. Source: docs/benchmarks.md. */
export function rowsBuiltIn(milliseconds: number): number {
  return Math.floor(milliseconds);
}
