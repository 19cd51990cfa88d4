import { migrate } from "@cairn/chroma/migrate.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Source, SourceCollection } from "@cairn/chroma/source/source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { ChromaClient } from "chromadb";
import pLimit from "p-limit";
import { Client } from "pg";
import type { BenchRun } from "./bench.ts";
import { fillChroma } from "./support/fill.ts";
import { median } from "./support/machine.ts";
import { report, type Section, type Target } from "./support/results.ts";
import { type BenchServers, runSql, startServers } from "./support/servers.ts";

const DIMENSIONS = 1536;
const PAGE = 300;
const HEX = "00112233445566778899aabbccddeeff";

/** Copying beside reading alone and beside the naive way, in turns, on the same two servers. */
export async function benchMigrate({ size, machine }: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  try {
    await fillChroma(servers.chroma.url, HEX, size, DIMENSIONS);
    const source = await openSource({ url: servers.chroma.url });
    const [collection] = await source.listCollections({});
    if (!collection) throw new Error("Chroma lost the collection.");
    const ids = await listAllIds(source, collection);
    await readAll(source, collection, ids, 2); // warms the server's caches
    const naive = await copyNaively(servers, source, collection, Math.min(size, 2_000));
    const targets: Target[] = [];
    const table: Section["table"][number][] = [
      { way: "naive: get, then an INSERT a row", "documents/s": Math.round(naive) },
    ];
    for (const inFlight of [1, 2]) {
      const { read, official, copied } = await compareWays(servers, source, collection, ids, inFlight);
      table.push(
        {
          way: `reading with Chroma's own client, ${inFlight} in flight`,
          "documents/s": Math.round(official),
          "copying to it": ratio(copied, official),
        },
        {
          way: `reading with Cairn's reader, ${inFlight} in flight`,
          "documents/s": Math.round(read),
          "copying to it": ratio(copied, read),
        },
        { way: `cairn migrate, copying, ${inFlight} in flight`, "documents/s": Math.round(copied) },
      );
      targets.push(
        {
          what: `copying / reading with Chroma's client, ${inFlight} in flight`,
          value: ratio(copied, official),
          target: 0.9,
          better: "higher",
        },
        {
          what: `copying / the naive way, ${inFlight} in flight`,
          value: ratio(copied, naive),
          target: 4,
          better: "higher",
        },
      );
    }
    await report({ bench: "migrate", title: "Copying out of Chroma", table, targets }, { size, machine });
    return targets;
  } finally {
    await servers.stop();
  }
}

const ROUNDS = 5;

async function compareWays(
  servers: BenchServers,
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  inFlight: number,
): Promise<{ readonly read: number; readonly official: number; readonly copied: number }> {
  const reading: number[] = [];
  const client: number[] = [];
  const copying: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    reading.push(await readAll(source, collection, ids, inFlight));
    client.push(await readWithClient(servers, collection, ids, inFlight));
    copying.push(await copyAll(servers, source, inFlight));
  }
  return { read: median(reading), copied: median(copying), official: median(client) };
}

async function listAllIds(source: Source, collection: SourceCollection): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const page = await source.listIds(collection, { offset: ids.length, limit: 5_000 });
    ids.push(...page);
    if (page.length < 5_000) return ids;
  }
}

/** Documents a second: every record with its vector, the same pages and requests as the migration's, nothing written. */
async function readAll(
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  inFlight: number,
): Promise<number> {
  const limit = pLimit(inFlight);
  const started = performance.now();
  const pages: Promise<number>[] = [];
  for (let at = 0; at < ids.length; at += PAGE)
    pages.push(limit(async () => (await source.getRecords(collection, ids.slice(at, at + PAGE))).size));
  const read = (await Promise.all(pages)).reduce((sum, one) => sum + one, 0);
  return (1000 * read) / (performance.now() - started);
}

/** The same with Chroma's own client. */
async function readWithClient(
  { chroma }: BenchServers,
  { name }: SourceCollection,
  ids: readonly string[],
  inFlight: number,
): Promise<number> {
  const { hostname, port } = new URL(chroma.url);
  const client = new ChromaClient({ host: hostname, port: Number(port) });
  const collection = await client.getCollection({ name });
  const limit = pLimit(inFlight);
  const started = performance.now();
  const pages: Promise<number>[] = [];
  for (let at = 0; at < ids.length; at += PAGE)
    pages.push(
      limit(async () => {
        const page = await collection.get({
          ids: ids.slice(at, at + PAGE),
          include: ["documents", "embeddings", "metadatas", "uris"],
        });
        return page.ids.length;
      }),
    );
  const read = (await Promise.all(pages)).reduce((sum, one) => sum + one, 0);
  return (1000 * read) / (performance.now() - started);
}

/** Documents a second of the pass that copies; the pass that compares comes after and is not counted. */
async function copyAll({ databaseUrl }: BenchServers, source: Source, inFlight: number): Promise<number> {
  await runSql(databaseUrl, "DROP SCHEMA IF EXISTS cairn CASCADE");
  const database = connectPg({ url: databaseUrl });
  let began = 0;
  let ended = 0;
  let copied = 0;
  try {
    await migrateSchema(database);
    await migrate({ database, embedders: createEmbedders({ offlineByDefault: true }) }, source, {
      databaseName: "bench",
      cairnVersion: "bench",
      pageSize: PAGE,
      concurrency: inFlight,
      queries: 0,
      onProgress({ phase, done }) {
        if (phase === "copy") began ||= performance.now();
        if (phase === "copy") copied = done;
        else ended ||= performance.now();
      },
    });
  } finally {
    await database.close();
  }
  return (1000 * copied) / (ended - began);
}

/** What people write first: get a page, then one INSERT a record, the vector as text. */
async function copyNaively(
  { databaseUrl }: BenchServers,
  source: Source,
  collection: SourceCollection,
  count: number,
): Promise<number> {
  await runSql(databaseUrl, "CREATE EXTENSION IF NOT EXISTS vector");
  await runSql(
    databaseUrl,
    "CREATE TABLE naive (id text PRIMARY KEY, content text, metadata jsonb, embedding vector(1536))",
  );
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const started = performance.now();
  for (let offset = 0; offset < count; offset += PAGE) {
    const ids = await source.listIds(collection, { offset, limit: Math.min(PAGE, count - offset) });
    for (const record of (await source.getRecords(collection, ids)).values())
      await client.query("INSERT INTO naive VALUES ($1, $2, $3, $4)", [
        record.id,
        record.document,
        JSON.stringify(record.metadata),
        `[${[...(record.embedding ?? [])].join(",")}]`,
      ]);
  }
  const speed = (1000 * count) / (performance.now() - started);
  await client.end();
  return speed;
}

function ratio(a: number, b: number): number {
  return Math.round((100 * a) / b) / 100;
}
