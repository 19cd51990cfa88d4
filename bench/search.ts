import { changeCollection } from "@cairn/core/collection/change.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { setLocal } from "@cairn/core/database/settings.ts";
import { encodeVectorArray } from "@cairn/core/database/vector.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { query, queryMany } from "@cairn/core/search/query.ts";
import { findTarget } from "@cairn/core/search/target.ts";
import { chooseVectorPlan, vectorSettings, vectorStatement } from "@cairn/core/search/vector.ts";
import { PgDialect } from "drizzle-orm/pg-core";
import { Client } from "pg";
import type { BenchRun } from "./bench.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, searcher } from "./support/cairn.ts";
import { addDocuments, type ChromaCollection, makeCollection, queryChroma } from "./support/chroma.ts";
import { type Dataset, makeDataset } from "./support/dataset.ts";
import { delayingProxy } from "./support/delay.ts";
import { latency, measure, measureInTurns, recall, round, throughput } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

interface Setting extends BenchRun {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly chroma: ChromaCollection;
  readonly data: Dataset;
  readonly truth: readonly (readonly string[])[];
}

/** One large collection: beside raw SQL, beside Chroma under load, over a slow wire, and recall against latency. */
export async function benchSearch(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const made = makeDataset(run.size);
    const data = { ...made, queries: made.queries.slice(0, run.quick ? 50 : 200) };
    const tenantId = await makeTenant(cairn, "large");
    await load(cairn, tenantId, data.documents);
    await maintainIndexes(cairn.database, { workers: 1 });
    const chroma = await makeCollection(servers.chroma.url, "large");
    await addDocuments(chroma, data.documents);
    const truth = await exactAnswers(cairn, tenantId, data.queries);
    const setting = { ...run, cairn, databaseUrl: servers.databaseUrl, tenantId, chroma, data, truth };
    return [
      ...(await besideRawSql(setting)),
      ...(await underLoad(setting)),
      ...(await recallAgainstLatency(setting)),
      ...(await overTheWire(setting)),
    ];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** The same SELECT, its settings made once for the connection, sent by the driver alone: what the library adds. */
async function besideRawSql({
  cairn,
  databaseUrl,
  data,
  tenantId,
  ...run
}: Setting): Promise<readonly Target[]> {
  const raw = new Client({ connectionString: databaseUrl });
  await raw.connect();
  const { vector } = await cairn.database.vectorTypes();
  const table = [];
  const targets: Target[] = [];
  const tenants = [[data.documents.length, tenantId] as const];
  for (const rows of [60, 1_000]) {
    const id = await makeTenant(cairn, `small ${rows}`);
    await load(cairn, id, data.documents.slice(0, rows));
    tenants.unshift([rows, id]);
  }
  await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
  for (const [rows, id] of tenants.toSorted(([a], [b]) => a - b)) {
    const target = await findTarget(cairn.database, id);
    const plan = chooseVectorPlan(target);
    const settings = setLocal(vectorSettings(plan, 10)).map((statement) => statement.replace("LOCAL ", ""));
    await raw.query(["RESET ALL", ...settings].join("; "));
    const dialect = new PgDialect();
    const [own, bare] = await measureInTurns(data.queries, [
      searcher(cairn, id),
      async (embedding) => {
        const search = { vectors: encodeVectorArray([embedding], vector), topK: 10 };
        const { sql, params } = dialect.sqlToQuery(vectorStatement(target, plan, search));
        return (await raw.query<{ id: string }>(sql, params)).rows.map((row) => row.id);
      },
    ]);
    if (!own || !bare) continue;
    table.push({
      rows,
      plan: plan.kind,
      "core p50, ms": round(own.p50),
      "raw SQL p50, ms": round(bare.p50),
      ratio: round(own.p50 / bare.p50),
      "more, ms": round(own.p50 - bare.p50),
    });
    targets.push(
      rows < 1_000
        ? {
            what: `core − raw SQL at ${rows} rows, p50, ms`,
            value: round(own.p50 - bare.p50),
            target: 0.5,
            better: "lower",
            floor: 2,
          }
        : {
            what: `core / raw SQL at ${rows} rows, p50`,
            value: round(own.p50 / bare.p50),
            target: 1.25,
            better: "lower",
            floor: 2.5,
          },
    );
  }
  await raw.end();
  await report(
    {
      bench: "search",
      title: "A search through packages/core beside the same SELECT sent raw",
      table,
      targets,
    },
    run,
  );
  return targets;
}

async function underLoad({
  cairn,
  tenantId,
  chroma,
  data,
  truth,
  quick,
  ...run
}: Setting): Promise<readonly Target[]> {
  const ask = searcher(cairn, tenantId);
  const askChroma = (embedding: Float32Array) => queryChroma(chroma, embedding);
  const [own, theirs] = await measureInTurns(data.queries, [ask, askChroma]);
  if (!own || !theirs) return [];
  const table: { clients: number; "Cairn, queries/s": number; "Chroma, queries/s": number; ratio: number }[] =
    [];
  const seconds = quick ? 2 : 5;
  for (const clients of [1, 2, 4, 8]) {
    const cairnRate = await throughput(data.queries, ask, { clients, seconds });
    const chromaRate = await throughput(data.queries, askChroma, { clients, seconds });
    table.push({
      clients,
      "Cairn, queries/s": round(cairnRate, 0),
      "Chroma, queries/s": round(chromaRate, 0),
      ratio: round(cairnRate / chromaRate),
    });
  }
  const four = table.find(({ clients }) => clients === 4)?.ratio ?? 0;
  const targets: readonly Target[] = [
    {
      what: "queries a second, 4 clients, Cairn / Chroma",
      value: four,
      target: 3,
      better: "higher",
      floor: 1,
    },
    {
      what: "recall@10, Cairn − Chroma",
      value: round(recall(own.answers, truth) - recall(theirs.answers, truth), 4),
      target: 0,
      better: "higher",
      floor: -0.02,
    },
    { what: "p95 of a search, ms", value: round(own.p95), target: 50, better: "lower", floor: 100 },
  ];
  const rates = (column: "Cairn, queries/s" | "Chroma, queries/s") =>
    table.map((row) => [row.clients, row[column]] as const);
  await report(
    {
      bench: "search",
      title: "One large collection under load",
      table,
      targets,
      note: `recall@10: Cairn ${round(recall(own.answers, truth), 4)}, Chroma ${round(recall(theirs.answers, truth), 4)}; p50/p95 of one client: Cairn ${round(own.p50)}/${round(own.p95)} ms, Chroma ${round(theirs.p50)}/${round(theirs.p95)} ms.`,
      plots: [
        {
          title: "Throughput by clients",
          x: { label: "clients" },
          y: { label: "queries a second" },
          series: [
            { name: "Cairn", points: rates("Cairn, queries/s") },
            { name: "Chroma", points: rates("Chroma, queries/s") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

async function recallAgainstLatency({
  cairn,
  tenantId,
  chroma,
  data,
  truth,
  ...run
}: Setting): Promise<readonly Target[]> {
  const table = [];
  const points: (readonly [number, number])[] = [];
  for (const efSearch of [40, 100, 200, 400, 800]) {
    await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: { efSearch } });
    const { p50, p95, answers } = await measure(data.queries, searcher(cairn, tenantId));
    points.push([p50, recall(answers, truth)]);
    table.push({
      way: `Cairn, ef_search ${efSearch}`,
      "recall@10": round(recall(answers, truth), 4),
      "p50, ms": round(p50),
      "p95, ms": round(p95),
    });
  }
  await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: {} });
  const { p50, p95, answers } = await measure(data.queries, (embedding) => queryChroma(chroma, embedding));
  table.push({
    way: "Chroma, as it comes",
    "recall@10": round(recall(answers, truth), 4),
    "p50, ms": round(p50),
    "p95, ms": round(p95),
  });
  await report(
    {
      bench: "search",
      title: "Recall against latency",
      table,
      plots: [
        {
          title: "Recall@10 against median latency",
          x: { label: "p50, ms" },
          y: { label: "recall@10" },
          series: [
            { name: "Cairn, ef_search 40 to 800", points },
            { name: "Chroma, as it comes", points: [[p50, recall(answers, truth)]] },
          ],
        },
      ],
    },
    run,
  );
  return [];
}

/** What a round trip costs more, a search costs more: as often as it waits for one. */
async function overTheWire({
  cairn,
  databaseUrl,
  tenantId,
  data,
  ...run
}: Setting): Promise<readonly Target[]> {
  const queries = data.queries.slice(0, 50);
  const table = [];
  for (const delay of [0, 1, 5]) {
    const proxy = await delayingProxy(databaseUrl, delay);
    const database = connectPg({ url: proxy.url });
    const { p50 } = await measure(queries, async (embedding) =>
      (await query({ ...cairn, database }, tenantId, { embedding })).map(({ id }) => id),
    );
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      await queryMany({ ...cairn, database }, tenantId, {
        queries: queries.map((embedding) => ({ embedding })),
      });
      times.push(performance.now() - started);
    }
    table.push({
      "delay each way, ms": delay,
      "a query, p50 ms": round(p50),
      "50 in one call, ms each": round(latency(times).p50 / queries.length),
    });
    await database.close();
    proxy.stop();
  }
  const trips = ((table[2]?.["a query, p50 ms"] ?? 0) - (table[0]?.["a query, p50 ms"] ?? 0)) / 10;
  const targets: readonly Target[] = [
    { what: "round trips of a query", value: round(trips), target: 1.25, better: "lower", floor: 1.8 },
  ];
  await report({ bench: "search", title: "Over a slow wire", table, targets }, run);
  return targets;
}
