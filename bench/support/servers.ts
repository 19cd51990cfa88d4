import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { Client } from "pg";

export interface BenchServers {
  readonly chroma: ChromaServer;
  /** A new database for the benchmark. */
  readonly databaseUrl: string;
  /** Starts the Chroma server again with its data, at the same URL. It reads ef_search only when it loads an index. */
  restartChroma(): Promise<void>;
  stop(): Promise<void>;
}

/** URL of the PostgreSQL server. Comparable figures need its usual durability, so it must not be started with --fast. */
export function serverUrl(): string {
  const url = process.env.BENCH_DATABASE_URL;
  if (!url)
    throw new Error(
      "The benchmarks cannot start: BENCH_DATABASE_URL is not set. Set it to a PostgreSQL server with pgvector, such as postgres://postgres@127.0.0.1:5432/postgres",
    );
  return url;
}

/** The command of the Chroma server; undefined: the bundled server. */
export function chromaCommand(): string | undefined {
  return process.env.CAIRN_TEST_CHROMA || undefined;
}

/** Starts a Chroma server and creates an empty database on the PostgreSQL server. */
export async function startServers(): Promise<BenchServers> {
  const database = await startDatabase();
  const path = await mkdtemp(join(tmpdir(), "cairn-bench-"));
  const start = (port?: number) => startChroma({ command: chromaCommand(), path, port });
  const chroma = await start();
  let running = chroma;
  return {
    chroma,
    databaseUrl: database.url,
    async restartChroma() {
      await running.stop();
      running = await start(Number(new URL(chroma.url).port));
    },
    async stop() {
      await running.stop();
      await rm(path, { recursive: true, force: true });
      await database.stop();
    },
  };
}

/** Creates an empty database on the PostgreSQL server. `stop` drops it. */
export async function startDatabase(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = serverUrl();
  const name = `cairn_bench_${randomUUID().slice(0, 8)}`;
  await runSql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, stop: () => runSql(server, `DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Runs a statement on a new connection. */
export async function runSql(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
