/** A record as both sides return it. */
export interface Content {
  readonly document: string | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly embedding: readonly number[];
}

/** What a write does to a record. Undefined: the record does not exist. */
export type Effect = (content: Content | undefined) => Content | undefined;

/** A write of one record that was sent. */
export interface Sent {
  /** It was acknowledged. `certain`: every record it names was changed; otherwise it may have been this one or not. */
  ok(options?: { readonly certain: boolean }): void;
  /** It was refused, and changed nothing. */
  refused(): void;
  /** It may have been applied, or may be applied later. */
  unknown(): void;
}

/** Milliseconds after which a request that failed has ended everywhere: the time limit, and what a delayed request takes longer. */
export const GRACE_MS = 6_000;

type States = ReadonlyMap<string, Content | undefined>;

interface Pending {
  readonly effect: Effect;
  until: number;
}

interface RecordModel {
  states: States;
  pending: Pending[];
  history: { readonly at: number; readonly states: States }[];
}

/** States of a record that are remembered. */
const MAX_HISTORY = 300;

/** A text that is equal if and only if two records are. */
export function keyOf(content: Content | undefined): string {
  if (!content) return "absent";
  const { document, metadata, embedding } = content;
  const sorted = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([document, sorted, embedding]);
}

/**
 * What each record of one collection may be: acknowledged writes are certain, others may have been applied, or are until `GRACE_MS`.
 * Writes of one record are sent one after the other.
 */
export function createModel(now: () => number = Date.now) {
  const records = new Map<string, RecordModel>();
  const recordOf = (id: string) => {
    const known = records.get(id);
    if (known) return known;
    const states: States = new Map([["absent", undefined]]);
    const created: RecordModel = { states, pending: [], history: [{ at: 0, states }] };
    records.set(id, created);
    return created;
  };

  function become(record: RecordModel, states: States): void {
    record.states = close(states, record.pending);
    record.history.push({ at: now(), states: record.states });
    if (record.history.length > MAX_HISTORY) record.history.shift();
  }

  function send(id: string, effect: Effect): Sent {
    const record = recordOf(id);
    record.pending = record.pending.filter(({ until }) => until > now());
    const before = record.states;
    const pending: Pending = { effect, until: Number.POSITIVE_INFINITY };
    record.pending.push(pending);
    become(record, before);
    const settle = (states: States) => {
      record.pending = record.pending.filter((other) => other !== pending);
      become(record, states);
    };
    return {
      ok({ certain } = { certain: true }) {
        const after = apply(
          close(
            before,
            record.pending.filter((other) => other !== pending),
          ),
          effect,
        );
        settle(certain ? after : new Map([...before, ...after]));
      },
      refused: () => settle(before),
      unknown() {
        pending.until = now() + GRACE_MS;
      },
    };
  }

  return {
    send,
    /** What the record may have been at some time since `from`, by the key of its content. */
    allowed(id: string, from: number): States {
      const { history, states } = recordOf(id);
      const first = Math.max(
        0,
        history.findLastIndex(({ at }) => at < from),
      );
      return new Map([...history.slice(first).flatMap((entry) => [...entry.states]), ...states]);
    },
    /** Learns from a read of the deciding side what the record is. Not if a write may still be applied. */
    learn(id: string, content: Content | undefined): void {
      const record = recordOf(id);
      const key = keyOf(content);
      if (record.pending.some(({ until }) => until > now()) || !record.states.has(key)) return;
      record.pending = [];
      become(record, new Map([[key, content]]));
    },
    /** Whether the record certainly exists. */
    exists: (id: string) => !recordOf(id).states.has("absent"),
  };
}

export type Model = ReturnType<typeof createModel>;

function apply(states: States, effect: Effect): States {
  return new Map(
    [...states.values()].map((content) => {
      const changed = effect(content);
      return [keyOf(changed), changed] as const;
    }),
  );
}

/** The states that are possible if each pending write may be applied at any time. */
function close(states: States, pending: readonly Pending[]): States {
  let closed = states;
  for (let size = -1; size !== closed.size; ) {
    size = closed.size;
    for (const { effect } of pending) closed = new Map([...closed, ...apply(closed, effect)]);
  }
  return closed;
}
