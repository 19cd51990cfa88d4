import type { BenchRun } from "../bench.ts";
import { type Cairn, exactAnswers, searcher } from "../support/cairn.ts";
import { addDocuments, type ChromaCollection } from "../support/chroma.ts";
import type { BenchDocument } from "../support/dataset.ts";
import { median } from "../support/machine.ts";
import { latency, type Measured, measure, recall, round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";
import { ingestAndSearch, PAUSE, type Round, type RoundSetting } from "./round.ts";

type LiveSetting = BenchRun &
  Omit<RoundSetting, "documents" | "moments"> & {
    /** Has as many documents as the tenant's collection, which is indexed. */
    readonly chroma: ChromaCollection;
    /** What is written meanwhile. */
    readonly more: readonly BenchDocument[];
  };

/** A round with what a search takes before and after it. */
interface Seen extends Round {
  readonly idle: Measured;
  readonly after: Measured;
}

/**
 * Moments of each round whose answers are held against the exact ones. Each takes a connection of its own that no
 * application has, so where there is time for it, others are timed. A quick round is over at once.
 */
const ROUNDS: Readonly<Record<"quick" | "full", readonly number[]>> = {
  quick: [2, 2, 2, 2, 2, 2, 2, 2],
  full: [0, 0, 50],
};

/** Into a collection that has its index, while it is searched: again and again where it is over at once. */
export async function liveIngest({ more, chroma, ...setting }: LiveSetting): Promise<readonly Target[]> {
  const { cairn, tenantId, queries, quick } = setting;
  const search = searcher(cairn, tenantId);
  const rounds: Seen[] = [];
  for (const moments of quick ? ROUNDS.quick : ROUNDS.full) {
    if (rounds.length > 0) await takeBack(cairn, tenantId, more);
    const idle = await measure(queries, search, { pause: PAUSE });
    const round = await ingestAndSearch({ ...setting, documents: more, moments });
    rounds.push({ ...round, idle, after: await measure(queries, search) });
  }
  const truth = await exactAnswers(cairn, tenantId, queries);
  return reportLive(rounds, {
    ...setting,
    recallAfter: recall(rounds.at(-1)?.after.answers ?? [], truth),
    chromaRate: more.length / (await addDocuments(chroma, more)),
    rows: more.length,
  });
}

/** As if the documents had not been written. */
async function takeBack(
  { raw }: Cairn,
  tenantId: string,
  documents: readonly BenchDocument[],
): Promise<void> {
  const ids = documents.map(({ id }) => id);
  await raw.query("DELETE FROM cairn.documents WHERE tenant_id = $1 AND id = ANY($2)", [tenantId, ids]);
  await raw.query("VACUUM cairn.documents");
}

async function reportLive(
  rounds: readonly Seen[],
  {
    recallAfter,
    chromaRate,
    rows,
    ...run
  }: BenchRun & { readonly recallAfter: number; readonly chromaRate: number; readonly rows: number },
): Promise<readonly Target[]> {
  const middle = (figure: (round: Seen) => number) => median(rounds.map(figure));
  const rate = middle((one) => one.rate);
  const idle = middle((one) => one.idle.p50);
  const timed = run.quick ? rounds : rounds.filter(({ truth }) => truth.length === 0);
  const times = timed.flatMap((one) => one.times);
  const { p50 } = latency(times);
  const truth = rounds.flatMap((one) => one.truth);
  const answers = rounds.flatMap((one) => one.answers);
  const recallMeanwhile = recall(answers, truth);
  const table = [
    {
      way: "Cairn",
      "rows/s": round(rate, 0),
      "idle p50, ms": round(idle),
      "p50 meanwhile, ms": round(p50),
      "p50 with the longer tail, ms": round(middle(({ after }) => after.p50)),
      "recall@10 meanwhile": round(recallMeanwhile, 4),
      "recall@10 after": round(recallAfter, 4),
    },
    { way: "Chroma", "rows/s": round(chromaRate, 0) },
  ];
  const targets: readonly Target[] = [
    {
      what: "ingest into an indexed collection / Chroma's add",
      value: round(rate / chromaRate),
      target: 5,
      better: "higher",
      usual: 8,
    },
    {
      what: "p50 of a search during ingest / idle",
      value: round(p50 / idle),
      target: 2,
      better: "lower",
      usual: 1.8,
    },
    {
      what: "recall@10 during ingest, of the rows committed by then",
      value: round(recallMeanwhile, 4),
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
  const note = `${rounds.length} × ${rows} rows, by requests of a hundred. ${times.length} searches were timed meanwhile; ${truth.length} others were held against the exact ones over the rows of their moment.`;
  const title = "Ingest into a collection that is searched meanwhile";
  await report({ bench: "ingest", title, table, targets, note }, run);
  return targets;
}
