import { migrate } from "@cairn/chroma/migrate.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Source, SourceCollection } from "@cairn/chroma/source/source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { ChromaClient } from "chromadb";
import pLimit from "p-limit";
import { Client } from "pg";
import { toSql } from "pgvector";
import { fillChroma } from "./support/fill-chroma.ts";
import { median } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import type { Section } from "./support/section.ts";
import { type BenchServers, runSql, startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

const DIMENSIONS = 1536;
const PAGE = 300;
const HEX = "00112233445566778899aabbccddeeff";

/** Migration throughput, compared in turns with only reading and with a naive copy, on the same two servers. */
export async function benchMigrate({ size, machine }: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  try {
    await fillChroma(servers.chroma.url, HEX, size, DIMENSIONS);
    const source = await openSource({ url: servers.chroma.url });
    const [collection] = await source.listCollections({});
    if (!collection) throw new Error("Chroma does not list the collection that was created.");
    const ids = await listAllIds(source, collection);
    await readAll(source, collection, ids, 2); // warm-up of the server's caches
    const naive = await copyNaively(servers, source, collection, Math.min(size, 2_000));
    const targets: Target[] = [];
    const table: Section["table"][number][] = [
      { method: "naive copy: get, then one INSERT per row", "documents/s": Math.round(naive) },
    ];
    for (const inFlight of [1, 2]) {
      const { reader, client, copy } = await compareMethods(servers, source, collection, ids, inFlight);
      table.push(
        {
          method: `reading with Chroma's client, ${inFlight} in flight`,
          "documents/s": Math.round(client),
          "copying to this": ratio(copy, client),
        },
        {
          method: `reading with Cairn's reader, ${inFlight} in flight`,
          "documents/s": Math.round(reader),
          "copying to this": ratio(copy, reader),
        },
        { method: `cairn migrate, copying, ${inFlight} in flight`, "documents/s": Math.round(copy) },
      );
      targets.push(
        {
          what: `copying to reading with Chroma's client, ${inFlight} in flight`,
          value: ratio(copy, client),
          target: 0.9,
          better: "higher",
        },
        {
          what: `copying to the naive way, ${inFlight} in flight`,
          value: ratio(copy, naive),
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

async function compareMethods(
  servers: BenchServers,
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  inFlight: number,
): Promise<{ readonly reader: number; readonly client: number; readonly copy: number }> {
  const readerRates: number[] = [];
  const clientRates: number[] = [];
  const copyRates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    readerRates.push(await readAll(source, collection, ids, inFlight));
    clientRates.push(await readWithClient(servers, collection, ids, inFlight));
    copyRates.push(await copyAll(servers, source, inFlight));
  }
  return { reader: median(readerRates), copy: median(copyRates), client: median(clientRates) };
}

async function listAllIds(source: Source, collection: SourceCollection): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const page = await source.listIds(collection, { offset: ids.length, limit: 5_000 });
    ids.push(...page);
    if (page.length < 5_000) return ids;
  }
}

/** Documents read a second: every record with its vector, with the migration's pages and requests, without writing. */
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
  const read = (await Promise.all(pages)).reduce((sum, count) => sum + count, 0);
  return (1000 * read) / (performance.now() - started);
}

/** Documents read a second with Chroma's client. */
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
  const read = (await Promise.all(pages)).reduce((sum, count) => sum + count, 0);
  return (1000 * read) / (performance.now() - started);
}

/** Documents copied a second. Only the copying pass counts, not the comparing pass after it. */
async function copyAll({ databaseUrl }: BenchServers, source: Source, inFlight: number): Promise<number> {
  await runSql(databaseUrl, "DROP SCHEMA IF EXISTS cairn CASCADE");
  const database = connectPg({ url: databaseUrl });
  let startedAt = 0;
  let endedAt = 0;
  let copied = 0;
  try {
    await migrateSchema(database);
    await migrate({ database, embedders: createEmbedders({ defaultModel: "offline/words" }) }, source, {
      databaseName: "bench",
      cairnVersion: "bench",
      pageSize: PAGE,
      concurrency: inFlight,
      queries: 0,
      onProgress({ phase, done }) {
        if (phase === "copy") startedAt ||= performance.now();
        if (phase === "copy") copied = done;
        else endedAt ||= performance.now();
      },
    });
  } finally {
    await database.close();
  }
  return (1000 * copied) / (endedAt - startedAt);
}

/** Documents a second of the naive copy: get a page, then one INSERT per record with the vector as text. */
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
        toSql([...(record.embedding ?? [])]),
      ]);
  }
  const rate = (1000 * count) / (performance.now() - started);
  await client.end();
  return rate;
}

function ratio(a: number, b: number): number {
  return Math.round((100 * a) / b) / 100;
}
