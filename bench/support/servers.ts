import { randomUUID } from "node:crypto";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { Client } from "pg";

export interface BenchServers {
  readonly chroma: ChromaServer;
  /** A database of the benchmark's own. */
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

/** The PostgreSQL server that is measured. Figures need one with its usual durability: none started with --fast. */
export function serverUrl(): string {
  const url = process.env.BENCH_DATABASE_URL;
  if (!url)
    throw new Error(
      "Set BENCH_DATABASE_URL to a PostgreSQL server with pgvector, as in postgres://postgres@127.0.0.1:5432/postgres",
    );
  return url;
}

/** What starts the Chroma server that it is measured beside; undefined: the bundled one. */
export function chromaCommand(): string | undefined {
  return process.env.CAIRN_TEST_CHROMA || undefined;
}

/** A Chroma server, and an empty database on the PostgreSQL server. */
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

/** An empty database on the PostgreSQL server. */
export async function startDatabase(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = serverUrl();
  const name = `cairn_bench_${randomUUID().slice(0, 8)}`;
  await runSql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, stop: () => runSql(server, `DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Runs a statement on a connection of its own. */
export async function runSql(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
