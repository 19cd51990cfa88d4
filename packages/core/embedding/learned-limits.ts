/** Milliseconds after which a learned limit is tried again: the server may have been set up differently since. */
const LEARNED_MS = 600_000;

/** What an embedder has found out about its server; nothing else is remembered between calls. */
export interface LearnedLimits {
  /** Texts a request that the server takes; Infinity: none was refused for their number. */
  maxInputs(): number;
  /** So many texts were taken where more were refused. */
  learnMaxInputs(inputs: number): void;
  /** Dimensions that the model gives where none are requested; undefined: not known. */
  ownDimensions(): number | undefined;
  learnOwnDimensions(dimensions: number): void;
}

export function createLearnedLimits(now: () => number = () => performance.now()): LearnedLimits {
  let inputs = Number.POSITIVE_INFINITY;
  let until = 0;
  let own: number | undefined;
  return {
    maxInputs: () => (now() < until ? inputs : Number.POSITIVE_INFINITY),
    learnMaxInputs(taken) {
      inputs = Math.max(1, taken);
      until = now() + LEARNED_MS;
    },
    ownDimensions: () => own,
    learnOwnDimensions(dimensions) {
      own = dimensions;
    },
  };
}
