import { Agent, request } from "node:http";
import { encodeVector } from "@cairn/client/vector.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import type { BenchRun } from "./bench.ts";
import { load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection } from "./support/chroma.ts";
import { makeDataset } from "./support/dataset.ts";
import { latency, round } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";
import { startService } from "./support/service.ts";

const CLIENTS = 4;

/** A search over HTTP beside the same one through the library, and beside Chroma over HTTP: four clients each. */
export async function benchHttp(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const { documents, queries } = makeDataset(run.size);
    const tenantId = await makeTenant(cairn, "served");
    await load(cairn, tenantId, documents);
    await maintainIndexes(cairn.database, { tenantId });
    const chroma = await makeCollection(servers.chroma.url, "served");
    await addDocuments(chroma, documents);
    await settle(cairn);
    const { secret } = await createApiKey(cairn.database, tenantId);
    const service = await startService(servers.databaseUrl);
    const served = (toBody: (embedding: Float32Array) => object) =>
      prepared(queries, {
        url: `${service.url}/v1/query`,
        headers: { Authorization: `Bearer ${secret}` },
        toBody,
        read: (answer) => (answer as { hits: { id: string }[] }).hits.map(({ id }) => id),
      });
    const ways = {
      "Cairn, the library": searcher(cairn, tenantId),
      "Cairn over HTTP": served((embedding) => ({ query_embedding: encodeVector(embedding), top_k: 10 })),
      "Cairn over HTTP, vectors as numbers": served((embedding) => ({
        query_embedding: [...embedding],
        top_k: 10,
      })),
      "Chroma over HTTP": prepared(queries, {
        url: `${chroma.url}/query`,
        toBody: (embedding) => ({
          query_embeddings: [[...embedding]],
          n_results: 10,
          include: ["documents", "metadatas", "distances"],
        }),
        read: (answer) => (answer as { ids: string[][] }).ids[0] ?? [],
      }),
    };
    try {
      return await compare(ways, queries, run);
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
  ways: Readonly<Record<string, Search>>,
  queries: readonly Float32Array[],
  run: BenchRun,
): Promise<readonly Target[]> {
  const times = new Map<string, number[]>();
  const busy = new Map<string, number>();
  // In turns, so that a machine that slows down slows all.
  for (let turn = 0; turn < 4; turn++)
    for (const [name, search] of Object.entries(ways)) {
      const all = times.get(name) ?? [];
      times.set(name, all);
      const taken = await ask(queries, search, turn === 0 ? 1 : run.quick ? 2 : 5);
      if (turn === 0) continue; // warm-up
      all.push(...taken.times);
      busy.set(name, (busy.get(name) ?? 0) + taken.seconds);
    }
  const table = Object.keys(ways).map((way) => {
    const { p50, p95 } = latency(times.get(way) ?? []);
    const rate = (times.get(way)?.length ?? 0) / (busy.get(way) ?? 1);
    return { way, "p50, ms": round(p50), "p95, ms": round(p95), "queries/s": round(rate, 0) };
  });
  const [library, served, numbers, chroma] = table;
  if (!library || !served || !numbers || !chroma) return [];
  const targets: readonly Target[] = [
    {
      what: "p50 over HTTP / through the library, 4 clients",
      value: round(served["p50, ms"] / library["p50, ms"]),
      target: 1.5,
      better: "lower",
      usual: 1.4,
    },
    {
      what: "the same, vectors sent as numbers",
      value: round(numbers["p50, ms"] / library["p50, ms"]),
      target: 1.5,
      better: "lower",
      usual: 1.7,
    },
    {
      what: "Chroma's p50 over HTTP / Cairn's",
      value: round(chroma["p50, ms"] / served["p50, ms"]),
      target: 1,
      better: "higher",
      usual: 1.2,
    },
    {
      what: "Chroma's p95 over HTTP / Cairn's",
      value: round(chroma["p95, ms"] / served["p95, ms"]),
      target: 1,
      better: "higher",
      usual: 0.8,
    },
    {
      what: "queries a second over HTTP, Cairn / Chroma",
      value: round(served["queries/s"] / chroma["queries/s"]),
      target: 1,
      better: "higher",
      usual: 1.1,
    },
  ];
  await report({ bench: "http", title: "A search over HTTP, four clients", table, targets }, run);
  return targets;
}

async function ask(queries: readonly Float32Array[], search: Search, seconds: number) {
  const times: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1000;
  const client = async (first: number) => {
    for (let at = first; performance.now() < until; at++) {
      const begun = performance.now();
      await search(queries[at % queries.length] as Float32Array);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index * 7)));
  return { times, seconds: (performance.now() - started) / 1000 };
}

/** A request of the load's: as lean as can be, so that the machine is the servers' and not the client's. */
function post(url: URL, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      method: "POST",
      agent: AGENT,
      headers: { ...headers, "Content-Type": "application/json" },
    };
    const asking = request(url, options, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${url.host} answered ${answer.statusCode}: ${text}`));
      });
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

const AGENT = new Agent({ keepAlive: true, maxSockets: CLIENTS });

/** A search whose bodies are written beforehand, and whose answers are read. */
function prepared(
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
    readonly read: (answer: unknown) => readonly string[];
  },
): Search {
  const bodies = new Map(queries.map((query) => [query, JSON.stringify(toBody(query))]));
  const address = new URL(url);
  return async (query) => read(JSON.parse(await post(address, headers, bodies.get(query) ?? "")));
}
