import type { Answer } from "../read.ts";
import { AGREED, type Comparison, EXCLUDED } from "./outcome.ts";

/** Compares two responses to `count`. Records in flight may be counted on one side only. */
export function compareCounts(chroma: Answer, cairn: Answer, pending: ReadonlySet<string>): Comparison {
  const [theirs, ours] = [readCount(chroma), readCount(cairn)];
  const difference = Math.abs(theirs - ours);
  if (difference === 0) return AGREED;
  if (difference <= pending.size) return EXCLUDED;
  return {
    outcome: "differed",
    agreement: 1 - difference / Math.max(theirs, ours),
    difference: { kind: "count", chroma: theirs, cairn: ours },
  };
}

function readCount({ body }: Answer): number {
  const count: unknown = JSON.parse(new TextDecoder().decode(body));
  if (typeof count !== "number") throw new TypeError("The response is not a number.");
  return count;
}
