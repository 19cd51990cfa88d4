import { type Cairn, exactNeighbors, searcher } from "../support/cairn.ts";
import { addDocuments, type ChromaCollection } from "../support/chroma.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { latency, type Measured, measure, median, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import { ingestAndSearch, type Round, type RoundContext, SEARCH_PAUSE_MS } from "./round.ts";

type LiveContext = BenchRun &
  Omit<RoundContext, "documents" | "snapshots"> & {
    /** Has the same documents as the tenant's collection, which is indexed. */
    readonly chroma: ChromaCollection;
    /** Documents to write during the searches. */
    readonly newDocuments: readonly BenchDocument[];
  };

/** A round with the search latency before and after it. */
interface MeasuredRound extends Round {
  readonly idle: Measured;
  readonly after: Measured;
}

/**
 * Number of snapshots in each round, for recall. A snapshot needs a connection that no application has, so the full form
 * measures latency in rounds without snapshots. A round of the quick form is too short for that.
 */
const ROUNDS: Readonly<Record<"quick" | "full", readonly number[]>> = {
  quick: [2, 2, 2, 2, 2, 2, 2, 2],
  full: [0, 0, 50],
};

/** Ingest into an indexed collection while it is searched, in several rounds. */
export async function liveIngest({ newDocuments, chroma, ...context }: LiveContext): Promise<readonly Target[]> {
  const { cairn, tenantId, queries, quick } = context;
  const search = searcher(cairn, tenantId);
  const rounds: MeasuredRound[] = [];
  for (const snapshots of quick ? ROUNDS.quick : ROUNDS.full) {
    if (rounds.length > 0) await deleteDocuments(cairn, tenantId, newDocuments);
    const idle = await measure(queries, search, { pause: SEARCH_PAUSE_MS });
    const round = await ingestAndSearch({ ...context, documents: newDocuments, snapshots });
    rounds.push({ ...round, idle, after: await measure(queries, search) });
  }
  const truth = await exactNeighbors(cairn, tenantId, queries);
  return reportLive(rounds, {
    ...context,
    recallAfter: recall(rounds.at(-1)?.after.results ?? [], truth),
    chromaRate: newDocuments.length / (await addDocuments(chroma, newDocuments)),
    rows: newDocuments.length,
  });
}

/** Deletes the documents of a round, so that the next round starts from the same state. */
async function deleteDocuments({ raw }: Cairn, tenantId: string, documents: readonly BenchDocument[]): Promise<void> {
  const ids = documents.map(({ id }) => id);
  await raw.query("DELETE FROM cairn.documents WHERE tenant_id = $1 AND id = ANY($2)", [tenantId, ids]);
  await raw.query("VACUUM cairn.documents");
}

async function reportLive(
  rounds: readonly MeasuredRound[],
  {
    recallAfter,
    chromaRate,
    rows,
    ...run
  }: BenchRun & { readonly recallAfter: number; readonly chromaRate: number; readonly rows: number },
): Promise<readonly Target[]> {
  const medianOf = (value: (round: MeasuredRound) => number) => median(rounds.map(value));
  const rate = medianOf((round) => round.rate);
  const idle = medianOf((round) => round.idle.p50);
  const timedRounds = run.quick ? rounds : rounds.filter(({ truth }) => truth.length === 0);
  const times = timedRounds.flatMap((round) => round.times);
  const { p50 } = latency(times);
  const truth = rounds.flatMap((round) => round.truth);
  const results = rounds.flatMap((round) => round.results);
  const recallDuring = recall(results, truth);
  const table = [
    {
      database: "Cairn",
      "rows/s": round(rate, 0),
      "idle p50, ms": round(idle),
      "p50 during ingest, ms": round(p50),
      "p50 after ingest (longer tail), ms": round(medianOf(({ after }) => after.p50)),
      "recall@10 during ingest": round(recallDuring, 4),
      "recall@10 after ingest": round(recallAfter, 4),
    },
    { database: "Chroma", "rows/s": round(chromaRate, 0) },
  ];
  const targets: readonly Target[] = [
    {
      what: "ingest into an indexed collection, to Chroma's add",
      value: round(rate / chromaRate),
      target: 5,
      better: "higher",
      usual: 8,
    },
    {
      what: "p50 of searches during ingest to idle",
      value: round(p50 / idle),
      target: 2,
      better: "lower",
      usual: 1.8,
    },
    {
      what: "recall@10 during ingest, over the committed rows",
      value: round(recallDuring, 4),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
    {
      what: "recall@10 after ingest",
      value: round(recallAfter, 4),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
  ];
  const note = `${rounds.length} × ${rows} rows, in requests of 100 documents. ${times.length} searches were timed during ingest. The recall is from ${truth.length} other searches, compared with an exact search over the rows of the same snapshot.`;
  const title = "Ingest into an indexed collection during searches";
  await report({ bench: "ingest", title, table, targets, note }, run);
  return targets;
}
