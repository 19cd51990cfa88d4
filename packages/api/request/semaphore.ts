/** Why a caller was refused: the queue is full, or the caller waited too long. */
export type Refusal = "full" | "timeout";

export interface SemaphoreOptions {
  /** Callers that hold the semaphore at the same time. */
  readonly limit: number;
  /** Callers that wait at the same time. */
  readonly maxQueued: number;
  /** Milliseconds that a caller waits at most. */
  readonly timeout: number;
  /** Milliseconds after which a holder counts as gone: a runtime may drop a request without an event. */
  readonly lifetime: number;
  /** Makes the error for a refused caller. */
  readonly refuse: (reason: Refusal) => Error;
}

/** Releases what was acquired. Further calls have no effect. */
export type Release = () => void;

/** A counting semaphore with a bounded queue in order of arrival. */
export class Semaphore {
  /** When each holder acquired it. */
  readonly #holders = new Map<Release, number>();
  readonly #waiting: (() => void)[] = [];
  readonly #options: SemaphoreOptions;

  constructor(options: SemaphoreOptions) {
    this.#options = options;
  }

  /** Whether no caller holds it or waits. */
  get idle(): boolean {
    return this.#holders.size === 0;
  }

  /** Waits until fewer than `limit` callers hold the semaphore. Throws the error of `refuse`, or the signal's reason. */
  async acquire(signal: AbortSignal): Promise<Release> {
    const { limit, maxQueued, refuse } = this.#options;
    if (this.#holders.size >= limit) this.#releaseExpired();
    if (this.#holders.size < limit) return this.#admit();
    if (this.#waiting.length >= maxQueued) throw refuse("full");
    return this.#wait(signal);
  }

  #admit(): Release {
    const release = () => {
      if (this.#holders.delete(release)) this.#waiting.shift()?.();
    };
    this.#holders.set(release, Date.now());
    return release;
  }

  #releaseExpired(): void {
    const oldest = Date.now() - this.#options.lifetime;
    for (const [release, since] of this.#holders) if (since < oldest) release();
  }

  #wait(signal: AbortSignal): Promise<Release> {
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
