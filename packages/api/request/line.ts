/** Why a caller was not admitted: too many wait already, or it waited too long. */
export type Refusal = "full" | "timeout";

export interface LineOptions {
  /** That are admitted at once. */
  readonly limit: number;
  /** That wait at most. */
  readonly longest: number;
  /** Milliseconds that one waits at most. */
  readonly timeout: number;
  /** What a caller that is not admitted is thrown. */
  readonly refuse: (why: Refusal) => Error;
}

/** Admits callers, a few at a time, in the order they came. */
export class Line {
  #admitted = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #options: LineOptions;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Whether nobody is admitted or waits. */
  get idle(): boolean {
    return this.#admitted === 0;
  }

  /** Waits to be admitted. Throws what `refuse` makes, and the signal's reason. */
  async enter(signal: AbortSignal): Promise<void> {
    const { limit, longest, refuse } = this.#options;
    if (this.#admitted < limit) this.#admitted++;
    else if (this.#waiting.length >= longest) throw refuse("full");
    else await this.#wait(signal);
  }

  /** The first that waits takes over the place of whoever leaves. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#admitted--;
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { timeout, refuse } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        then();
      };
      const admit = () => settle(resolve);
      const giveUp = (error: unknown) => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        settle(() => reject(error));
      };
      const onAbort = () => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(refuse("timeout")), timeout);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(admit);
    });
  }
}
