import type { BenchDocument } from "../support/dataset.ts";
import { recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import { type Load, measureTurns } from "../support/turns.ts";
import type { Peer } from "./peer.ts";

const CLIENTS = [1, 4];

export interface OperationsContext {
  readonly run: BenchRun;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
  /** Ids of the ten nearest neighbors of each query. */
  readonly truth: readonly (readonly string[])[];
}

interface Operation {
  readonly name: string;
  /** Factor by which Cairn's rate should exceed Chroma's. */
  readonly target: number;
  readonly usual: number;
  send(peer: Peer, at: number): Promise<string>;
}

/** Searches and reads of both servers, with one and with four clients, in turns. */
export async function compareOperations(
  peers: readonly [Peer, Peer],
  context: OperationsContext,
): Promise<readonly Target[]> {
  const { run } = context;
  const operations = makeOperations(context);
  const table: Record<string, string | number>[] = [];
  const targets: Target[] = [];
  for (const operation of operations)
    for (const clients of CLIENTS) {
      const senders = peers.map((peer) => (index: number) => operation.send(peer, index));
      const [cairn, chroma] = (await measureTurns(senders, { clients, seconds: run.quick ? 1 : 4 })) as [Load, Load];
      const ratio = round(cairn.rate / chroma.rate);
      table.push({
        operation: operation.name,
        clients,
        "requests/s": round(cairn.rate, 0),
        "p50, ms": round(cairn.p50),
        "p95, ms": round(cairn.p95),
        "Chroma: requests/s": round(chroma.rate, 0),
        "Chroma: p50, ms": round(chroma.p50),
        "Chroma: p95, ms": round(chroma.p95),
        "rate, Cairn / Chroma": ratio,
        "p95, Chroma / Cairn": round(chroma.p95 / cairn.p95),
      });
      const what = `${operation.name}, ${clients === 1 ? "1 client" : `${clients} clients`}`;
      targets.push(
        {
          what: `${what}: requests a second, Cairn to Chroma`,
          value: ratio,
          target: operation.target,
          better: "higher",
          usual: operation.usual,
        },
        {
          what: `${what}: p95, Chroma to Cairn`,
          value: round(chroma.p95 / cairn.p95),
          target: 1,
          better: "higher",
          usual: operation.usual,
        },
      );
    }
  const [ours, theirs] = [await recallOf(peers[0], context), await recallOf(peers[1], context)];
  targets.push({
    what: "recall@10 minus Chroma's",
    value: round(ours - theirs, 4),
    target: 0,
    better: "higher",
    floor: -0.01,
  });
  const note = `Recall@10: Cairn ${round(ours, 4)}, Chroma ${round(theirs, 4)}.`;
  await report({ bench: "chroma-api", title: "Chroma's API, Cairn next to Chroma", table, targets, note }, run);
  return targets;
}

function makeOperations({ documents, queries }: OperationsContext): readonly Operation[] {
  const bodies = queries.map((query) => queryBody(query));
  const ids = Array.from({ length: 50 }, (_, page) =>
    JSON.stringify({
      ids: documents
        .filter((_, at) => at % 50 === page)
        .slice(0, 100)
        .map(({ id }) => id),
    }),
  );
  const pages = Array.from({ length: 50 }, (_, page) =>
    JSON.stringify({ limit: 100, offset: Math.floor((page * (documents.length - 100)) / 50) }),
  );
  const at = (list: readonly string[], index: number) => list[index % list.length] as string;
  return [
    {
      name: "query",
      target: 2,
      usual: 0.9,
      send: ({ send, collection }, index) => send("POST", `${collection}/query`, at(bodies, index)),
    },
    {
      name: "get 100 ids",
      target: 1,
      usual: 1,
      send: ({ send, collection }, index) => send("POST", `${collection}/get`, at(ids, index)),
    },
    {
      name: "get a page of 100",
      target: 1,
      usual: 1,
      send: ({ send, collection }, index) => send("POST", `${collection}/get`, at(pages, index)),
    },
    { name: "count", target: 1, usual: 0.9, send: ({ send, collection }) => send("GET", `${collection}/count`) },
  ];
}

function queryBody(query: Float32Array): string {
  return JSON.stringify({
    query_embeddings: [[...query]],
    n_results: 10,
    include: ["documents", "metadatas", "distances"],
  });
}

async function recallOf(peer: Peer, { queries, truth }: OperationsContext): Promise<number> {
  const results: (readonly string[])[] = [];
  for (const query of queries) {
    const { ids } = JSON.parse(await peer.send("POST", `${peer.collection}/query`, queryBody(query))) as {
      ids: string[][];
    };
    results.push(ids[0] ?? []);
  }
  return recall(results, truth);
}
