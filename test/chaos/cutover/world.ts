import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { type ChromaServer, startChroma } from "@cairn/cli/demo/chroma-server.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { ChromaClient } from "chromadb";
import { Client } from "pg";
import { type ChromaProxy, startChromaProxy } from "./chroma-proxy.ts";
import { createGatewayProcess, type GatewayProcess } from "./gateway-process.ts";
import { type PostgresProxy, startPostgresProxy } from "./postgres-proxy.ts";
import type { Random } from "./random.ts";

/** Everything that runs in a round: Chroma, PostgreSQL, two gateways, and the proxies between them. */
export interface World {
  readonly gateways: readonly { readonly process: GatewayProcess; readonly postgres: PostgresProxy }[];
  readonly chromaProxy: ChromaProxy;
  /** The proxy of `database`. */
  readonly postgres: PostgresProxy;
  /** For changes of phase, through a proxy. */
  readonly database: Database;
  /** Runs a statement as the server's superuser, without a proxy. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** A client of one of the gateways. */
  client(gateway: number): ChromaClient;
  /** A client of Chroma itself. */
  chromaClient(): ChromaClient;
  killChroma(): Promise<void>;
  startChroma(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a world in a database of its own on the server. `chromaCommand`: see `startChroma`. */
export async function startWorld(
  serverUrl: string,
  { random, chromaCommand }: { readonly random: Random; readonly chromaCommand: string | undefined },
): Promise<World> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const next of stops.toReversed()) await next().catch(() => {});
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "cairn-cutover-"));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const { url, sql } = await createDatabase(serverUrl, stops);
    const key = await prepareDatabase(url);
    const chroma = await openChroma(join(folder, "chroma"), chromaCommand);
    stops.push(chroma.kill);
    const chromaProxy = await startChromaProxy(chroma.url, random.fork());
    stops.push(chromaProxy.stop);
    const proxied = async () => {
      const { hostname: host, port } = new URL(url);
      const postgres = await startPostgresProxy({ host, port: Number(port) || 5432 }, random.fork().chance);
      stops.push(postgres.stop);
      return { postgres, databaseUrl: withPort(url, postgres.port) };
    };
    const gateways = await Promise.all(
      [0, 1].map(async () => {
        const { postgres, databaseUrl } = await proxied();
        const options = { port: await freePort(), folder, databaseUrl, chromaUrl: chromaProxy.url };
        const gateway = createGatewayProcess(options);
        stops.push(gateway.kill);
        await gateway.start();
        return { process: gateway, postgres };
      }),
    );
    const { postgres, databaseUrl } = await proxied();
    const database = connectPg({ url: databaseUrl });
    stops.push(() => database.close());
    return {
      gateways,
      chromaProxy,
      postgres,
      database,
      query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
        (await sql.query<Row>(text, [...values])).rows,
      client: (at) => clientOf(gateways[at]?.process.port ?? 0, { "x-chroma-token": key }),
      chromaClient: () => clientOf(Number(new URL(chroma.url).port)),
      killChroma: chroma.kill,
      startChroma: chroma.start,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function clientOf(port: number, headers: Readonly<Record<string, string>> = {}): ChromaClient {
  return new ChromaClient({
    host: "127.0.0.1",
    port,
    headers: { ...headers },
    tenant: "default_tenant",
    database: "default_database",
  });
}

async function createDatabase(serverUrl: string, stops: (() => Promise<unknown>)[]) {
  const server = new Client({ connectionString: serverUrl });
  await server.connect();
  stops.push(() => server.end());
  const name = `cairn_cutover_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await server.query(`CREATE DATABASE ${name}`);
  stops.push(() => server.query(`DROP DATABASE ${name} WITH (FORCE)`));
  const address = new URL(serverUrl);
  address.pathname = name;
  const sql = new Client({ connectionString: address.href, application_name: "chaos" });
  await sql.connect();
  stops.push(() => sql.end());
  return { url: address.href, sql };
}

/** Migrates the schema, and returns the key of a namespace. */
async function prepareDatabase(url: string): Promise<string> {
  const database = connectPg({ url });
  try {
    await migrateSchema(database);
    await addNamespace(database, { name: "shop", settings: {} });
    return (await addNamespaceKey(database, "shop", {})).secret;
  } finally {
    await database.close();
  }
}

async function openChroma(path: string, command: string | undefined) {
  let server: ChromaServer = await startChroma({ command, path });
  const { url } = server;
  return {
    url,
    kill: () => server.stop(),
    async start() {
      server = await startChroma({ command, path, port: Number(new URL(url).port) });
    },
  };
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.hostname = "127.0.0.1";
  changed.port = String(port);
  return changed.href;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
