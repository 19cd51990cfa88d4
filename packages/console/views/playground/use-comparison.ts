import { read } from "@cairn/client/client.ts";
import { useEffect, useState } from "preact/hooks";
import { tenantClient } from "../../request/client.ts";
import type { Hit, SearchRequest } from "./search-request.ts";

/** The state of one search. */
export interface Outcome {
  readonly request: SearchRequest;
  readonly hits?: readonly Hit[];
  /** Milliseconds from the request to the complete response. */
  readonly ms?: number;
  readonly error?: unknown;
  readonly plan?: Explanation;
}

export interface Explanation {
  readonly summary: readonly string[];
  readonly steps: readonly {
    readonly list: string;
    readonly settings: readonly string[];
    readonly sql: string;
    readonly plan: readonly string[];
  }[];
}

/**
 * Sends the searches at the same time. Their plans are requested after all of them are answered, so that they do not slow a
 * search down. `run` changes to send them again.
 */
export function useComparison(requests: readonly SearchRequest[], run: number): readonly Outcome[] {
  const identity = JSON.stringify(requests, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const [state, setState] = useState<{ readonly of: string; readonly outcomes: readonly Outcome[] }>();
  useEffect(() => {
    const stop = new AbortController();
    let outcomes: readonly Outcome[] = requests.map((request) => ({ request }));
    const update = (index: number, change: Partial<Outcome>) => {
      if (stop.signal.aborted) return;
      outcomes = outcomes.with(index, { ...(outcomes[index] as Outcome), ...change });
      setState({ of: identity, outcomes });
    };
    if (requests.length > 0) void compare(requests, update, stop.signal);
    return () => stop.abort();
  }, [identity, run]);
  return state?.of === identity ? state.outcomes : requests.map((request) => ({ request }));
}

type Update = (index: number, change: Partial<Outcome>) => void;

async function compare(requests: readonly SearchRequest[], update: Update, signal: AbortSignal): Promise<void> {
  const searches = requests.map(async (json, index) => {
    const start = performance.now();
    try {
      const { hits } = await read(tenantClient().v1.query.$post({ json }, { init: { signal } }));
      update(index, { hits, ms: performance.now() - start, error: undefined });
      return true;
    } catch (error) {
      update(index, { error });
      return false;
    }
  });
  const isAnswered = await Promise.all(searches);
  for (const [index, json] of requests.entries()) {
    if (!isAnswered[index] || signal.aborted) continue;
    // Without its plan, a search is still worth showing.
    const plan = await read(tenantClient().v1.query.explain.$post({ json }, { init: { signal } })).catch(
      () => undefined,
    );
    update(index, { plan });
  }
}
