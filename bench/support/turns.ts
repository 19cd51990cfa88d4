import { type Latency, latency } from "./measure.ts";

/** Requests of several clients that send without a pause. */
export interface Load extends Latency {
  /** Requests a second. */
  readonly rate: number;
  /** Requests that were sent. */
  readonly requests: number;
}

/** Sends the request with this number, which differs between the requests of one load. */
export type SendNumbered = (index: number) => Promise<unknown>;

export interface TurnOptions {
  readonly clients: number;
  /** Seconds of all turns of one peer. */
  readonly seconds: number;
  /** Waits after a turn until the peer's background work is done. `which`: the peer. Default: nothing. */
  readonly afterTurn?: (which: number) => Promise<void>;
}

const TURNS = 4;

/** The load of each peer, measured in four turns after a warm-up, so that a slower machine affects all of them. */
export async function measureTurns(
  peers: readonly SendNumbered[],
  { clients, seconds, afterTurn }: TurnOptions,
): Promise<readonly Load[]> {
  const times = peers.map((): number[] => []);
  const durations = peers.map(() => 0);
  const next = peers.map(() => 0);
  for (let turn = 0; turn <= TURNS; turn++)
    for (const [which, send] of peers.entries()) {
      const startedAt = performance.now();
      const numbered = () => {
        const index = next[which] ?? 0;
        next[which] = index + 1;
        return send(index);
      };
      const measured = await runClients(numbered, { clients, seconds: seconds / TURNS });
      const duration = performance.now() - startedAt;
      await afterTurn?.(which);
      if (turn === 0) continue; // warm-up
      times[which]?.push(...measured);
      durations[which] = (durations[which] ?? 0) + duration;
    }
  return times.map((own, which) => ({
    rate: (1000 * own.length) / (durations[which] ?? 1),
    requests: own.length,
    ...latency(own),
  }));
}

/** Milliseconds of each request of `clients` that send without a pause for `seconds`. */
export async function runClients(
  send: () => Promise<unknown>,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<readonly number[]> {
  const times: number[] = [];
  const until = performance.now() + 1000 * seconds;
  const client = async () => {
    while (performance.now() < until) {
      const startedAt = performance.now();
      await send();
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return times;
}
