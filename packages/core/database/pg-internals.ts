// What node-postgres does not publish: its connection's messages, its socket and its process id. `pg-internals.test.ts` fails
// when an upgrade changes them.
import type { Writable } from "node:stream";
import { type PoolClient, Query, type QueryResult } from "pg";
import { prepareValue } from "pg/lib/utils.js";

export interface BatchStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Name of the prepared statement. */
  readonly name?: string;
  /** Whether the server has prepared it already. */
  readonly parsed?: boolean;
}

/**
 * Runs statements with one Sync after the last and returns all their results. node-postgres sends a Sync after each
 * statement, which wakes both sides each time. If a statement fails, the ones after it do not run. `closed`: names of the
 * prepared statements that the server closes first.
 */
export function runBatch(
  client: PoolClient,
  statements: readonly BatchStatement[],
  closed: readonly string[] = [],
): Promise<readonly QueryResult<object>[]> {
  const encoded = statements.map((statement) => ({
    ...statement,
    values: (statement.values ?? []).map((value) => prepareValue(value)), // before anything is written: it can throw
  }));
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined, results: unknown) =>
      error ? reject(error) : resolve([results].flat() as QueryResult<object>[]);
    client.query(new Batch(encoded, closed, done));
  });
}

type EncodedStatement = BatchStatement & { readonly values: unknown[] };

class Batch extends Query {
  constructor(
    statements: readonly EncodedStatement[],
    closed: readonly string[],
    done: (error: Error | undefined, results: unknown) => void,
  ) {
    super({ text: "batch" }, done);
    this.submit = (connection) => send(connection as unknown as Wire, statements, closed);
  }
}

/** node-postgres' connection. Its published types are of another version. */
interface Wire {
  sync(): void;
  parse(message: { readonly name: string; readonly text: string }): void;
  bind(message: { readonly statement: string; readonly values: readonly unknown[] }): void;
  describe(message: { readonly type: "P" }): void;
  execute(message: object): void;
  close(message: { readonly type: "S"; readonly name: string }): void;
}

/** Source: PostgreSQL, "Extended Query". Closing a name that does not exist is not an error. */
function send(wire: Wire, statements: readonly EncodedStatement[], closed: readonly string[]): null {
  for (const name of closed) wire.close({ type: "S", name });
  for (const { text, values, name = "", parsed } of statements) {
    if (name && !parsed) wire.close({ type: "S", name });
    if (!parsed) wire.parse({ name, text });
    wire.bind({ statement: name, values });
    wire.describe({ type: "P" });
    wire.execute({});
  }
  wire.sync();
  return null;
}

/** The id of the server process that the connection received at its start. */
export function serverProcessId(client: PoolClient): number {
  return (client as unknown as { readonly processID: number }).processID;
}

/** Sends all queries of `send` before the first is answered. If one fails, throws its error, not those that follow from it. */
export async function pipeline(
  client: PoolClient,
  send: () => readonly Promise<unknown>[],
): Promise<readonly unknown[]> {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
  stream.cork(); // one write for all: each write costs a quarter of a millisecond
  const pending = send();
  stream.uncork();
  const results = await Promise.allSettled(pending);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return Promise.all(pending);
}
