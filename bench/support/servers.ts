import { randomUUID } from "node:crypto";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { Client } from "pg";

export interface BenchServers {
  readonly chroma: ChromaServer;
  /** A new database for the benchmark. */
  readonly databaseUrl: string;
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
  const chroma = await startChroma({ command: chromaCommand() });
  return {
    chroma,
    databaseUrl: database.url,
    async stop() {
      await chroma.stop();
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
