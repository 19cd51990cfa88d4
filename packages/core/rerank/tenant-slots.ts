interface Slots {
  running: number;
  readonly waiting: (() => void)[];
}

interface SlotOptions {
  readonly tenantId: string;
  /** End of the wait, as a value of `performance.now()`. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
  /** The error of a caller that waited until the deadline. */
  readonly refuse: () => Error;
}

/**
 * Limits the calls of each tenant that run at the same time. More wait in their order, so that a tenant with many slow calls
 * delays only its own. A tenant without calls takes no memory.
 */
export class TenantSlots {
  readonly #limit: number;
  readonly #tenants = new Map<string, Slots>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` in a slot of the tenant. Throws the error of `refuse`, and the signal's reason. */
  async run<T>(options: SlotOptions, work: () => Promise<T>): Promise<T> {
    const { tenantId } = options;
    const slots = this.#tenants.get(tenantId) ?? { running: 0, waiting: [] };
    this.#tenants.set(tenantId, slots);
    if (slots.running >= this.#limit) await waitFor(slots, options);
    else slots.running++;
    try {
      return await work();
    } finally {
      const next = slots.waiting.shift(); // the slot goes to the next caller
      if (next) next();
      else if (--slots.running === 0) this.#tenants.delete(tenantId);
    }
  }
}

function waitFor(slots: Slots, { deadline, signal, refuse }: SlotOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      then();
    };
    const admit = () => settle(resolve);
    const giveUp = (error: unknown) => {
      slots.waiting.splice(slots.waiting.indexOf(admit), 1);
      settle(() => reject(error));
    };
    const onAbort = () => giveUp(signal?.reason);
    const timer = setTimeout(() => giveUp(refuse()), Math.max(0, deadline - performance.now()));
    signal?.addEventListener("abort", onAbort, { once: true });
    slots.waiting.push(admit);
  });
}
