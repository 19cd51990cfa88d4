import { createCompiler } from "@cairn/core/database/compile.ts";
import { setLocal } from "@cairn/core/database/settings.ts";
import { Client } from "pg";
import { type Cairn, exactAnswers, searcher } from "./cairn.ts";

type Answers = readonly (readonly string[])[];

/** One tenant's rows as they were at the first search, however long it is kept and whatever is written meanwhile. */
export interface Snapshot {
  /** As the library answers. */
  search(queries: readonly Float32Array[]): Promise<Answers>;
  /** The true ten nearest. */
  exact(queries: readonly Float32Array[]): Promise<Answers>;
  close(): Promise<void>;
}

/** On a connection of its own, in one transaction. */
export async function openSnapshot(cairn: Cairn, url: string, tenantId: string): Promise<Snapshot> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const search = searcher({ ...cairn, database: { ...cairn.database, read: readerOn(client) } }, tenantId);
  return {
    async search(queries) {
      const answers: (readonly string[])[] = [];
      for (const embedding of queries) answers.push(await search(embedding));
      return answers;
    },
    async exact(queries) {
      await client.query("RESET role; RESET enable_seqscan; RESET enable_sort"); // what the searches have set
      return exactAnswers({ raw: client }, tenantId, queries);
    },
    close: () => client.end(),
  };
}

/** The library's reads in the transaction that is open, in the place of one of their own. */
function readerOn(client: Client): Cairn["database"]["read"] {
  const compile = createCompiler();
  return async (statements, { settings, values } = {}) => {
    await client.query(setLocal(settings).join("; "));
    const answers: object[][] = [];
    for (const statement of statements) {
      answers.push((await client.query<object>(compile(statement, values))).rows);
    }
    return answers;
  };
}
