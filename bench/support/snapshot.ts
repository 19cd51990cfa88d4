import { createCompiler } from "@cairn/core/database/compile.ts";
import { setLocal } from "@cairn/core/database/settings.ts";
import { Client } from "pg";
import { type Cairn, exactNeighbors, searcher } from "./cairn.ts";

type ResultIds = readonly (readonly string[])[];

/** A snapshot of one tenant's rows, taken by its first search. Later writes do not change it. */
export interface Snapshot {
  /** Searches through the library. */
  search(queries: readonly Float32Array[]): Promise<ResultIds>;
  /** The ten true nearest neighbors. */
  exact(queries: readonly Float32Array[]): Promise<ResultIds>;
  close(): Promise<void>;
}

/** Opens a snapshot: a repeatable-read transaction on its own connection. */
export async function openSnapshot(cairn: Cairn, url: string, tenantId: string): Promise<Snapshot> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const search = searcher({ ...cairn, database: { ...cairn.database, read: readerOn(client) } }, tenantId);
  return {
    async search(queries) {
      const results: (readonly string[])[] = [];
      for (const embedding of queries) results.push(await search(embedding));
      return results;
    },
    async exact(queries) {
      await client.query("RESET role; RESET enable_seqscan; RESET enable_sort"); // set by the searches
      return exactNeighbors({ raw: client }, tenantId, queries);
    },
    close: () => client.end(),
  };
}

/** Runs the library's reads in the client's open transaction, instead of one per read. */
function readerOn(client: Client): Cairn["database"]["read"] {
  const compile = createCompiler();
  return async (statements, { settings, values } = {}) => {
    await client.query(setLocal(settings).join("; "));
    const results: object[][] = [];
    for (const statement of statements) {
      results.push((await client.query<object>(compile(statement, values))).rows);
    }
    return results;
  };
}
