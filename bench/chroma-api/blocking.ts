import { httpClient } from "../support/http-client.ts";
import { latency, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import type { Peer } from "./peer.ts";

/** Bytes of a large body: just below the maximum. */
const BODY_BYTES = 39 * 1024 * 1024;
const DIMENSIONS = 1536;

/** The latency of /health while bodies of almost 40 MiB are added, two at a time. */
export async function measureBlocking(
  { send, database }: Peer,
  { run, service }: { readonly run: BenchRun; readonly service: string },
): Promise<readonly Target[]> {
  const { id } = JSON.parse(await send("POST", `${database}/collections`, '{"name":"large-bodies"}')) as { id: string };
  const body = (first: number) => largeBody(first);
  const bodies = [0, 1, 2, 3].map((index) => body(index * 10_000));
  const probe = httpClient(1);
  const times: number[] = [];
  let isRunning = true;
  const probing = (async () => {
    while (isRunning) {
      const startedAt = performance.now();
      await probe("GET", `${service}/health`);
      times.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const startedAt = performance.now();
  const add = (text: string) => send("POST", `${database}/collections/${id}/add`, text);
  await Promise.all(
    [0, 2].map(async (first) => {
      for (const text of bodies.slice(first, first + 2)) await add(text);
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  isRunning = false;
  await probing;
  const { p50, p95 } = latency(times);
  const longest = Math.max(...times);
  const targets: readonly Target[] = [
    { what: "p95 of /health while bodies of 39 MiB are added, ms", value: round(p95), target: 50, better: "lower" },
  ];
  const table = [
    {
      "p50 of /health, ms": round(p50),
      "p95, ms": round(p95),
      "longest, ms": round(longest),
      "seconds for 4 bodies": round(seconds),
    },
  ];
  await report(
    { bench: "chroma-api", title: "Chroma's API: /health while large bodies are added", table, targets },
    run,
  );
  return targets;
}

function largeBody(first: number): string {
  const vector = JSON.stringify(Array.from({ length: DIMENSIONS }, (_, at) => Math.fround(Math.sin(first + at))));
  const count = Math.floor(BODY_BYTES / (vector.length + 30));
  const ids = JSON.stringify(Array.from({ length: count }, (_, at) => `large-${first + at}`));
  return `{"ids":${ids},"embeddings":[${Array(count).fill(vector).join()}]}`;
}
