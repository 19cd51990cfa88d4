import { mkdir } from "node:fs/promises";
import type { PGliteInterface, Transaction as PGliteTransaction } from "@electric-sql/pglite";
import type { SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/pglite";
import { AppError } from "../error.ts";
import { createCompiler } from "./compile.ts";
import type { Database, ReadOptions, StatementRows, Transaction } from "./database.ts";
import { lockDirectory } from "./directory-lock.ts";
import { databaseFailure } from "./failure.ts";
import { withFairShare } from "./fair-share.ts";
import { createPgvectorLookup, PGVECTOR_QUERY, type PgvectorRow } from "./pgvector.ts";
import { toOrm } from "./rows.ts";
import { type Settings, setLocal } from "./settings.ts";

export interface PgliteOptions {
  /** Folder of the database. It is created if missing and locked while open. Undefined: in memory, lost at the end. */
  readonly directory?: string;
  /** A dump of `dumpDataDir()` to start from, in memory. Takes a tenth of the time of creating a database. */
  readonly template?: Blob;
}

/** Postgres with pgvector inside this process. It has one connection: transactions wait for one another. */
export async function connectPglite(options: PgliteOptions = {}): Promise<Database & { dump(): Promise<Blob> }> {
  const unlock = options.directory ? await lockAt(options.directory) : async () => {};
  let pglite: PGliteInterface;
  try {
    // Imported here: several megabytes that a service with a PostgreSQL server never needs.
    const [{ PGlite }, { vector }] = await Promise.all([
      import("@electric-sql/pglite"),
      import("@electric-sql/pglite-pgvector"),
    ]);
    pglite = await PGlite.create({
      ...(options.directory ? { dataDir: `${options.directory}/postgres` } : {}),
      ...(options.template ? { loadDataDir: options.template } : {}),
      extensions: { vector },
    });
  } catch (error) {
    await unlock();
    throw error;
  }

  const compile = createCompiler();
  const pgvector = createPgvectorLookup(async () => {
    const { rows } = await pglite.query<PgvectorRow>(PGVECTOR_QUERY);
    for (const row of rows) sendVectorsAsBytes(pglite, row);
    return rows;
  });

  async function transaction<T>(work: (transaction: Transaction) => Promise<T>, settings?: Settings): Promise<T> {
    try {
      return (await pglite.transaction(async (tx) => {
        const transaction = toTransaction(tx);
        await transaction.set(settings ?? {});
        const result = await work(transaction);
        await tx.exec("SELECT"); // fails if a statement failed and its error was swallowed: COMMIT would roll back silently
        return result;
      })) as T;
    } catch (error) {
      throw databaseFailure(error);
    }
  }

  /** Runs the statements one after the other: there is no network round trip to save. */
  async function read(statements: readonly SQL[], { settings, values }: ReadOptions = {}): Promise<StatementRows> {
    try {
      return await pglite.transaction(async (tx) => {
        await toTransaction(tx).set(settings ?? {});
        const results: (readonly object[])[] = [];
        for (const statement of statements) {
          const { text, values: parameters } = compile(statement, values);
          results.push((await tx.query<object>(text, parameters)).rows);
        }
        return results;
      });
    } catch (error) {
      throw databaseFailure(error);
    }
  }

  /** Without CONCURRENTLY: with one connection, a concurrent build would not let others run. */
  async function maintain(statements: readonly string[], settings: Settings = {}, signal?: AbortSignal): Promise<void> {
    for (const statement of statements) {
      signal?.throwIfAborted();
      await transaction(({ script }) => script(statement.replace(" CONCURRENTLY ", " ")), settings);
    }
  }

  const database: Database = {
    kind: "pglite",
    identity: pglite,
    transaction,
    read,
    maintain,
    vectorTypes: pgvector.vectorTypes,
    async close() {
      await pglite.close();
      await unlock();
    },
  };
  const timeouts = { waitTimeout: Number.POSITIVE_INFINITY, backgroundTimeout: Number.POSITIVE_INFINITY };
  return {
    ...withFairShare(database, { connections: 1, ...timeouts }),
    dump: async () => pglite.dumpDataDir("none"),
  };
}

async function lockAt(directory: string): Promise<() => Promise<void>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 }); // it contains the documents of all tenants
    return await lockDirectory(directory);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof AppError || !syscall) throw error;
    throw new AppError(
      "database_unavailable",
      `The embedded database cannot be opened in the folder ${directory} (${code}): this user cannot write there.`,
      { remedy: "choose_directory", cause: error },
    );
  }
}

function toTransaction(tx: PGliteTransaction): Transaction {
  return {
    orm: toOrm(drizzle(tx as never)),
    async script(sql) {
      await tx.exec(sql);
    },
    async set(settings) {
      const statements = setLocal(settings);
      if (statements.length > 0) await tx.exec(statements.join("; "));
    },
    async reserveMemory() {},
  };
}

/** Lets PGlite send `vector` and `vector[]` as bytes. It sends a parameter as text unless its type has a serializer. */
function sendVectorsAsBytes(pglite: PGliteInterface, { vector, vectors }: PgvectorRow): void {
  const { serializers } = pglite as unknown as { serializers: Record<number, (value: unknown) => unknown> };
  serializers[Number(vector)] = (value) => value;
  serializers[Number(vectors)] = (value) => value;
}
