/** Milliseconds until a learned limit expires, because the server's configuration may change. */
const EXPIRES_AFTER_MS = 600_000;

/** Limits of the server that an embedder learned from responses. Nothing else is kept between calls. */
export interface LearnedLimits {
  /** Maximum texts per request; Infinity: no request was rejected for its number of texts. */
  maxInputs(): number;
  /** Records the largest accepted number of texts after a rejection. */
  learnMaxInputs(inputs: number): void;
  /** Dimensions that the model returns if none are requested; undefined: unknown. */
  nativeDimensions(): number | undefined;
  learnNativeDimensions(dimensions: number): void;
}

export function createLearnedLimits(now: () => number = () => performance.now()): LearnedLimits {
  let inputs = Number.POSITIVE_INFINITY;
  let expiresAt = 0;
  let native: number | undefined;
  return {
    maxInputs: () => (now() < expiresAt ? inputs : Number.POSITIVE_INFINITY),
    learnMaxInputs(accepted) {
      inputs = Math.max(1, accepted);
      expiresAt = now() + EXPIRES_AFTER_MS;
    },
    nativeDimensions: () => native,
    learnNativeDimensions(dimensions) {
      native = dimensions;
    },
  };
}
