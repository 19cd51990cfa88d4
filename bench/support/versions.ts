import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { chromaCommand, serverUrl } from "./servers.ts";

const BUNDLED = fileURLToPath(new URL("../../node_modules/chromadb/dist/cli.mjs", import.meta.url));

/** Versions of the servers, such as `PostgreSQL 17.6, pgvector 0.8.0, Chroma 1.4.4`. */
export async function describeServers(): Promise<string> {
  const chroma = chromaCommand();
  if (!chroma)
    console.error(
      "CAIRN_TEST_CHROMA is not set. The benchmarks use the Chroma server that the tests bundle, which is an old version. See docs/benchmarks.md to install the newest one.",
    );
  return `${await postgresVersions(serverUrl())}, ${chromaVersion(chroma)}${chroma ? "" : " (bundled, not the newest)"}`;
}

async function postgresVersions(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ server: string; fsync: string; vector: string | null }>(
      `SELECT current_setting('server_version') AS server, current_setting('fsync') AS fsync,
              (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector`,
    );
    const [row] = rows;
    return `PostgreSQL ${row?.server.split(" ")[0]}${row?.fsync === "off" ? " (fsync off)" : ""}, pgvector ${row?.vector}`;
  } finally {
    await client.end();
  }
}

/** Version of the Chroma command. A running server always reports 1.0.0. */
function chromaVersion(command: string | undefined): string {
  const [file, args] = command ? [command, []] : [process.execPath, [BUNDLED]];
  const output = execFileSync(file, [...args, "--version"], { encoding: "utf8" });
  return `Chroma ${/\d[\w.]*/.exec(output)?.[0] ?? output.trim()}`;
}
