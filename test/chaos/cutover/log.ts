import type { World } from "./world.ts";

/** Milliseconds for which a gateway may use a phase that another process has changed: it caches phases for half a second. */
const STALE_MS = 1_500;

/** Milliseconds after the end of a fault in which a request may still fail because of it. */
const AFTER_FAULT_MS = 4_000;

interface Period {
  readonly from: number;
  to: number;
}

/** What happened in a round, by which the answers of the gateways are judged. */
export interface RoundLog {
  readonly counts: Record<string, number>;
  readonly violations: string[];
  readonly recent: string[];
  /** Milliseconds of the longest change of the deciding side that succeeded. */
  longestBarrierMs: number;
  count(kind: string): void;
  /** Remembers an event, for the report of a failure. */
  note(text: string): void;
  /** Something happened that must not. The round ends. */
  violate(text: string): void;
  /** Begins a fault, and returns the function that ends it. */
  beginFault(kind: string): () => void;
  /** Whether a request that began then may have failed because of a fault. */
  isExcused(from: number): boolean;
  /** Begins a change of a tenant's phase, and returns the function that ends it. */
  beginPhaseChange(tenant: string): () => void;
  /** The time since when an answer to a request that began then may be old: earlier than `from` after a change of phase. */
  staleSince(tenant: string, from: number): number;
}

const MAX_RECENT = 4_000;

export function createRoundLog(): RoundLog {
  const faults: Period[] = [];
  const changes = new Map<string, Period[]>();
  const begin = (periods: Period[]) => {
    const period = { from: Date.now(), to: Number.POSITIVE_INFINITY };
    periods.push(period);
    return () => {
      period.to = Date.now();
    };
  };
  const log: RoundLog = {
    counts: {},
    violations: [],
    recent: [],
    longestBarrierMs: 0,
    count(kind) {
      log.counts[kind] = (log.counts[kind] ?? 0) + 1;
    },
    note(text) {
      log.recent.push(`${new Date().toISOString().slice(14, 23)} ${text}`);
      if (log.recent.length > MAX_RECENT) log.recent.shift();
    },
    violate(text) {
      log.note(`VIOLATION ${text}`);
      log.violations.push(text);
    },
    beginFault(kind) {
      log.count(`fault ${kind}`);
      log.note(`fault ${kind}`);
      const end = begin(faults);
      return () => {
        end();
        log.note(`end of fault ${kind}`);
      };
    },
    isExcused: (from) => faults.some(({ to }) => to + AFTER_FAULT_MS >= from),
    beginPhaseChange(tenant) {
      const periods = changes.get(tenant) ?? [];
      changes.set(tenant, periods);
      return begin(periods);
    },
    staleSince(tenant, from) {
      const recent = (changes.get(tenant) ?? []).filter(({ to }) => to + STALE_MS >= from);
      return Math.min(from, ...recent.map((period) => period.from));
    },
  };
  return log;
}

/** What the parts of a round share. */
export interface Round {
  readonly world: World;
  readonly log: RoundLog;
  /** Whether the workload still runs. */
  isRunning(): boolean;
}
