import { ingest } from "@cairn/core/document/ingest.ts";
import { type Cairn, searcher } from "../support/cairn.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { openSnapshot, type Snapshot } from "../support/snapshot.ts";

export interface RoundSetting {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
  /** Moments whose answers are held against the exact ones over the rows that were committed by then. */
  readonly moments: number;
}

export interface Round {
  /** Rows written a second. */
  readonly rate: number;
  /** Milliseconds of each search meanwhile that was timed. */
  readonly times: readonly number[];
  /** Of other searches meanwhile, and the true ones. */
  readonly answers: readonly (readonly string[])[];
  readonly truth: readonly (readonly string[])[];
}

/** Searches at a moment. */
const SEARCHES = 2;

/** Milliseconds between two searches: idle ones have to pause as well, as a processor that slept is slower at first. */
export const PAUSE = 2;

/** Writes as an application does, a request of a hundred documents after the other, and searches until it is done. */
export async function ingestAndSearch(setting: RoundSetting): Promise<Round> {
  const { cairn, databaseUrl, tenantId, documents, queries, moments } = setting;
  const unused = await Promise.all(
    Array.from({ length: moments }, () => openSnapshot(cairn, databaseUrl, tenantId)),
  );
  const search = searcher(cairn, tenantId);
  const times: number[] = [];
  const seen: Moment[] = [];
  let written = 0;
  const searching = (async () => {
    for (let at = 0; written < documents.length; at++) {
      const started = performance.now();
      await search(queries[at % queries.length] as Float32Array);
      times.push(performance.now() - started);
      const isDue = moments * written > documents.length * seen.length;
      const snapshot = isDue ? unused.shift() : undefined;
      if (snapshot) {
        const from = (at * SEARCHES) % queries.length;
        const asked = queries.slice(from, from + SEARCHES);
        seen.push({ snapshot, asked, answers: await snapshot.search(asked) });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  })();
  const started = performance.now();
  for (; written < documents.length; written += 100)
    await ingest(cairn, tenantId, { documents: documents.slice(written, written + 100) });
  const rate = documents.length / ((performance.now() - started) / 1000);
  await searching;
  for (const snapshot of unused) await snapshot.close();
  return { rate, times, answers: seen.flatMap(({ answers }) => answers), truth: await exactOf(seen) };
}

interface Moment {
  readonly snapshot: Snapshot;
  readonly asked: readonly Float32Array[];
  readonly answers: readonly (readonly string[])[];
}

/** Only when the ingest is over: to compare with every row would keep a core from the searches that are timed. */
async function exactOf(moments: readonly Moment[]): Promise<Round["truth"]> {
  const truth: (readonly string[])[] = [];
  for (const { snapshot, asked } of moments) {
    truth.push(...(await snapshot.exact(asked)));
    await snapshot.close();
  }
  return truth;
}
