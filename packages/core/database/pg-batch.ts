import { type PoolClient, Query, type QueryResult } from "pg";
import { prepareValue } from "pg/lib/utils.js";

export interface BatchStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Under which the server keeps it. */
  readonly name?: string;
  /** The server has it already. */
  readonly parsed?: boolean;
}

/**
 * Runs statements and answers them together, with one Sync after the last: a Sync each, as node-postgres sends it,
 * wakes both sides as often. Where one fails, those behind it are not run. `closed`: names that the server lets go of first.
 */
export function runBatch(
  client: PoolClient,
  statements: readonly BatchStatement[],
  closed: readonly string[] = [],
): Promise<readonly QueryResult<object>[]> {
  const sent = statements.map((statement) => ({
    ...statement,
    values: (statement.values ?? []).map((value) => prepareValue(value)), // before anything is written: it may refuse one
  }));
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined, results: unknown) =>
      error ? reject(error) : resolve([results].flat() as QueryResult<object>[]);
    client.query(new Batch(sent, closed, done));
  });
}

type Sent = BatchStatement & { readonly values: unknown[] };

class Batch extends Query {
  constructor(
    statements: readonly Sent[],
    closed: readonly string[],
    done: (error: Error | undefined, results: unknown) => void,
  ) {
    super({ text: "batch" }, done);
    this.submit = (connection) => send(connection as unknown as Wire, statements, closed);
  }
}

/** As node-postgres has it; its types are of another version. */
interface Wire {
  sync(): void;
  parse(message: { readonly name: string; readonly text: string }): void;
  bind(message: { readonly statement: string; readonly values: readonly unknown[] }): void;
  describe(message: { readonly type: "P" }): void;
  execute(message: object): void;
  close(message: { readonly type: "S"; readonly name: string }): void;
}

/** Source: PostgreSQL, "Extended Query". To close a name that is not there is no error. */
function send(wire: Wire, statements: readonly Sent[], closed: readonly string[]): null {
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
