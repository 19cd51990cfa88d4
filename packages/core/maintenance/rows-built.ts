/** Rows of 1,536 dimensions that are indexed in so many milliseconds by one process. Source: docs/benchmarks.md. */
export function rowsBuiltIn(milliseconds: number): number {
  return Math.floor(milliseconds);
}
