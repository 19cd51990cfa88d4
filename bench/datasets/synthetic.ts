import { clusteredVectors, passage } from "../support/vectors.ts";
import type { TextVectors } from "./cached-vectors.ts";

/** Clustered vectors × 1,536 dimensions with passages of random words. */
export async function syntheticVectors(count: number): Promise<TextVectors> {
  process.stderr.write(`  generating ${count} vectors\n`);
  const vectors = [...clusteredVectors(count, 1_536)];
  return { texts: vectors.map((_, index) => passage(index)), vectors };
}
