/** Milliseconds until a learned limit expires, because the server's configuration may change. */
const EXPIRES_AFTER_MS = 600_000;

export type LearnedLimits = ReturnType<typeof createLearnedLimits>;

/** Limits of the server that an embedder learned from responses. Nothing else is kept between calls. */
export function createLearnedLimits(now: () => number = () => performance.now()) {
  let inputs = Number.POSITIVE_INFINITY;
  let expiresAt = 0;
  let native: number | undefined;
  return {
    /** Maximum texts per request; Infinity: no request was rejected for its number of texts. */
    maxInputs: () => (now() < expiresAt ? inputs : Number.POSITIVE_INFINITY),
    /** Records the largest accepted number of texts after a rejection. */
    learnMaxInputs(accepted: number): void {
      inputs = Math.max(1, accepted);
      expiresAt = now() + EXPIRES_AFTER_MS;
    },
    /** Dimensions that the model returns if none are requested; undefined: unknown. */
    nativeDimensions: () => native,
    learnNativeDimensions(dimensions: number): void {
      native = dimensions;
    },
  };
}
