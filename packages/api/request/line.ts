/** Why a caller was not admitted: too many wait already, or it waited too long. */
export type Refusal = "full" | "timeout";

export interface LineOptions {
  /** That are admitted at once. */
  readonly limit: number;
  /** That wait at most. */
  readonly longest: number;
  /** Milliseconds that one waits at most. */
  readonly timeout: number;
  /** Milliseconds after which one that was admitted is taken for gone: a runtime may drop a request without a word. */
  readonly lifetime: number;
  /** What a caller that is not admitted is thrown. */
  readonly refuse: (why: Refusal) => Error;
}

/** Gives a place up; once is enough. */
export type Leave = () => void;

/** Admits callers, a few at a time, in the order they came. */
export class Line {
  /** When each that is admitted came in. */
  readonly #admitted = new Map<Leave, number>();
  readonly #waiting: (() => void)[] = [];
  readonly #options: LineOptions;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Whether nobody is admitted or waits. */
  get idle(): boolean {
    return this.#admitted.size === 0;
  }

  /** Waits to be admitted. Throws what `refuse` makes, and the signal's reason. */
  async enter(signal: AbortSignal): Promise<Leave> {
    const { limit, longest, refuse } = this.#options;
    if (this.#admitted.size >= limit) this.#forgetGone();
    if (this.#admitted.size < limit) return this.#admit();
    if (this.#waiting.length >= longest) throw refuse("full");
    return this.#wait(signal);
  }

  #admit(): Leave {
    const leave = () => {
      if (this.#admitted.delete(leave)) this.#waiting.shift()?.();
    };
    this.#admitted.set(leave, Date.now());
    return leave;
  }

  #forgetGone(): void {
    const oldest = Date.now() - this.#options.lifetime;
    for (const [leave, since] of this.#admitted) if (since < oldest) leave();
  }

  #wait(signal: AbortSignal): Promise<Leave> {
    const { timeout, refuse } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        then();
      };
      const admit = () => settle(() => resolve(this.#admit()));
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
