/**
 * How a tenant moves from Chroma to Cairn and back. `chroma`: Chroma answers. `mirror`: Chroma answers and Cairn follows. `shadow`:
 * sampled reads are also sent to Cairn and compared. `cairn`: Cairn answers and Chroma follows. `done`: Chroma is not called.
 */
export const PHASES = ["chroma", "mirror", "shadow", "cairn", "done"] as const;

export type Phase = (typeof PHASES)[number];

/** The side that decides what a write does, and whose answer the client gets. */
export type Side = "chroma" | "cairn";

export function sourceOf(phase: Phase): Side {
  return phase === "cairn" || phase === "done" ? "cairn" : "chroma";
}

/** Whether the other side follows. */
export function isReplicated(phase: Phase): boolean {
  return phase === "mirror" || phase === "shadow" || phase === "cairn";
}

/** The phase after this one. Undefined: it is the last. */
export function nextPhase(phase: Phase): Phase | undefined {
  return PHASES[PHASES.indexOf(phase) + 1];
}

/** The phase before this one. Undefined: it is the first. */
export function previousPhase(phase: Phase): Phase | undefined {
  return PHASES[PHASES.indexOf(phase) - 1];
}
