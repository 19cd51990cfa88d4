import { ingest } from "@cairn/core/document/ingest.ts";
import { type Cairn, searcher } from "../support/cairn.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { openSnapshot, type Snapshot } from "../support/snapshot.ts";

export interface RoundContext {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
  /** Snapshots whose search results are compared with an exact search over the rows committed by then. */
  readonly snapshots: number;
}

export interface Round {
  /** Rows written a second. */
  readonly rate: number;
  /** Milliseconds of each timed search. */
  readonly times: readonly number[];
  /** Result ids of the searches in snapshots. */
  readonly results: readonly (readonly string[])[];
  /** The true nearest neighbors for `results`. */
  readonly truth: readonly (readonly string[])[];
}

/** Searches in each snapshot. */
const SEARCHES_PER_SNAPSHOT = 2;

/** Milliseconds between two searches. Idle searches pause as well, because a processor is slower after it has slept. */
export const SEARCH_PAUSE_MS = 2;

/** Writes as an application does, in sequential requests of 100 documents, and searches until all are written. */
export async function ingestAndSearch(context: RoundContext): Promise<Round> {
  const { cairn, databaseUrl, tenantId, documents, queries, snapshots } = context;
  const unused = await Promise.all(Array.from({ length: snapshots }, () => openSnapshot(cairn, databaseUrl, tenantId)));
  const search = searcher(cairn, tenantId);
  const times: number[] = [];
  const used: UsedSnapshot[] = [];
  let written = 0;
  const searching = (async () => {
    for (let at = 0; written < documents.length; at++) {
      const started = performance.now();
      await search(queries[at % queries.length] as Float32Array);
      times.push(performance.now() - started);
      const isDue = snapshots * written > documents.length * used.length;
      const snapshot = isDue ? unused.shift() : undefined;
      if (snapshot) {
        const from = (at * SEARCHES_PER_SNAPSHOT) % queries.length;
        const searched = queries.slice(from, from + SEARCHES_PER_SNAPSHOT);
        used.push({ snapshot, queries: searched, results: await snapshot.search(searched) });
      }
      await new Promise((resolve) => setTimeout(resolve, SEARCH_PAUSE_MS));
    }
  })();
  const started = performance.now();
  for (; written < documents.length; written += 100)
    await ingest(cairn, tenantId, { documents: documents.slice(written, written + 100) });
  const rate = documents.length / ((performance.now() - started) / 1000);
  await searching;
  for (const snapshot of unused) await snapshot.close();
  return { rate, times, results: used.flatMap(({ results }) => results), truth: await exactResults(used) };
}

interface UsedSnapshot {
  readonly snapshot: Snapshot;
  readonly queries: readonly Float32Array[];
  readonly results: readonly (readonly string[])[];
}

/** The exact results in each snapshot. Run after the ingest, because exact searches would use a core that the timed searches need. */
async function exactResults(used: readonly UsedSnapshot[]): Promise<Round["truth"]> {
  const truth: (readonly string[])[] = [];
  for (const { snapshot, queries } of used) {
    truth.push(...(await snapshot.exact(queries)));
    await snapshot.close();
  }
  return truth;
}
