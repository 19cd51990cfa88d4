import { encodeVector } from "@cairn/client/vector.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection } from "./support/chroma.ts";
import { makeDataset } from "./support/dataset.ts";
import { httpClient } from "./support/http-client.ts";
import { latency, round } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import { startService } from "./support/service.ts";
import type { Target } from "./support/target.ts";

const CLIENTS = 4;

/** A search over HTTP compared with the same search through the library and with Chroma over HTTP, four clients each. */
export async function benchHttp(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const { documents, queries } = makeDataset(run.size);
    const tenantId = await makeTenant(cairn, "http");
    await load(cairn, tenantId, documents);
    await maintainIndexes(cairn.database, { tenantId });
    const chroma = await makeCollection(servers.chroma.url, "http");
    await addDocuments(chroma, documents);
    await settle(cairn);
    const { secret } = await createApiKey(cairn.database, tenantId);
    const service = await startService(servers.databaseUrl);
    const cairnSearch = (toBody: (embedding: Float32Array) => object) =>
      httpSearch(queries, {
        url: `${service.url}/v1/query`,
        headers: { Authorization: `Bearer ${secret}` },
        toBody,
        read: (body) => (body as { hits: { id: string }[] }).hits.map(({ id }) => id),
      });
    const searches = {
      "Cairn, library": searcher(cairn, tenantId),
      "Cairn over HTTP": cairnSearch((embedding) => ({
        query_embedding: encodeVector(embedding),
        top_k: 10,
      })),
      "Cairn over HTTP, vectors as numbers": cairnSearch((embedding) => ({
        query_embedding: [...embedding],
        top_k: 10,
      })),
      "Chroma over HTTP": httpSearch(queries, {
        url: `${chroma.url}/query`,
        toBody: (embedding) => ({
          query_embeddings: [[...embedding]],
          n_results: 10,
          include: ["documents", "metadatas", "distances"],
        }),
        read: (body) => (body as { ids: string[][] }).ids[0] ?? [],
      }),
    };
    try {
      return await compare(searches, queries, run);
    } finally {
      await service.stop();
    }
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

type Search = (embedding: Float32Array) => Promise<readonly string[]>;

async function compare(
  searches: Readonly<Record<string, Search>>,
  queries: readonly Float32Array[],
  run: BenchRun,
): Promise<readonly Target[]> {
  const times = new Map<string, number[]>();
  const durations = new Map<string, number>();
  // In turns, so that a slower machine affects all of them.
  for (let turn = 0; turn < 4; turn++)
    for (const [name, search] of Object.entries(searches)) {
      const all = times.get(name) ?? [];
      times.set(name, all);
      const result = await runClients(queries, search, turn === 0 ? 1 : run.quick ? 2 : 5);
      if (turn === 0) continue; // warm-up
      all.push(...result.times);
      durations.set(name, (durations.get(name) ?? 0) + result.seconds);
    }
  const table = Object.keys(searches).map((search) => {
    const { p50, p95 } = latency(times.get(search) ?? []);
    const rate = (times.get(search)?.length ?? 0) / (durations.get(search) ?? 1);
    return { search, "p50, ms": round(p50), "p95, ms": round(p95), "queries/s": round(rate, 0) };
  });
  const [library, http, numbers, chroma] = table;
  if (!library || !http || !numbers || !chroma) return [];
  const targets: readonly Target[] = [
    {
      what: "p50 over HTTP to the library's p50, 4 clients",
      value: round(http["p50, ms"] / library["p50, ms"]),
      target: 1.5,
      better: "lower",
      usual: 1.4,
    },
    {
      what: "the same, vectors as numbers",
      value: round(numbers["p50, ms"] / library["p50, ms"]),
      target: 1.5,
      better: "lower",
      usual: 1.7,
    },
    {
      what: "Chroma's p50 over HTTP to Cairn's",
      value: round(chroma["p50, ms"] / http["p50, ms"]),
      target: 1,
      better: "higher",
      usual: 1.2,
    },
    {
      what: "Chroma's p95 over HTTP to Cairn's",
      value: round(chroma["p95, ms"] / http["p95, ms"]),
      target: 1,
      better: "higher",
      usual: 0.8,
    },
    {
      what: "queries a second over HTTP, Cairn to Chroma",
      value: round(http["queries/s"] / chroma["queries/s"]),
      target: 1,
      better: "higher",
      usual: 1.1,
    },
  ];
  await report({ bench: "http", title: "A search over HTTP, four clients", table, targets }, run);
  return targets;
}

async function runClients(queries: readonly Float32Array[], search: Search, seconds: number) {
  const times: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1000;
  const client = async (first: number) => {
    for (let at = first; performance.now() < until; at++) {
      const startedAt = performance.now();
      await search(queries[at % queries.length] as Float32Array);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index * 7)));
  return { times, seconds: (performance.now() - started) / 1000 };
}

/** A search over HTTP. Request bodies are built in advance; responses are parsed. */
function httpSearch(
  queries: readonly Float32Array[],
  {
    url,
    headers = {},
    toBody,
    read,
  }: {
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly toBody: (embedding: Float32Array) => object;
    readonly read: (body: unknown) => readonly string[];
  },
): Search {
  const bodies = new Map(queries.map((query) => [query, JSON.stringify(toBody(query))]));
  const send = httpClient(CLIENTS, headers);
  return async (query) => read(JSON.parse(await send("POST", url, bodies.get(query) ?? "")));
}
