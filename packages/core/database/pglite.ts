import { mkdir } from "node:fs/promises";
import type { PGliteInterface, Transaction as PGliteTransaction } from "@electric-sql/pglite";
import type { SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/pglite";
import { AppError } from "../error.ts";
import { createCompiler } from "./compile.ts";
import type { Answers, Database, Orm, ReadOptions, Transaction } from "./database.ts";
import { lockDirectory } from "./directory-lock.ts";
import { databaseFailure } from "./failure.ts";
import { withFairShare } from "./fair-share.ts";
import { INSTALLATION_QUERY, type InstallationRow, rememberInstallation } from "./installation.ts";
import { type Settings, setLocal } from "./settings.ts";

export interface PgliteOptions {
  /** Folder of the database, made when missing and locked while open. Undefined: in memory, gone at the end. */
  readonly directory?: string;
  /** A dump made by `dumpDataDir()` to start from, in memory: a fresh database in a tenth of the time. */
  readonly template?: Blob;
}

/** Postgres with pgvector inside this process. One connection: transactions wait for one another. */
export async function connectPglite(
  options: PgliteOptions = {},
): Promise<Database & { dump(): Promise<Blob> }> {
  const unlock = options.directory ? await lockAt(options.directory) : async () => {};
  let pglite: PGliteInterface;
  try {
    // Imported here: several megabytes that a service on a real server never needs.
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
  const installation = rememberInstallation(async () => {
    const { rows } = await pglite.query<InstallationRow>(INSTALLATION_QUERY);
    for (const row of rows) sendVectorsAsBytes(pglite, row);
    return rows;
  });

  async function transaction<T>(
    work: (transaction: Transaction) => Promise<T>,
    settings?: Settings,
  ): Promise<T> {
    try {
      return (await pglite.transaction(async (tx) => {
        const begun = pgliteTransaction(tx);
        await begun.set(settings ?? {});
        const result = await work(begun);
        await tx.exec("SELECT"); // fails where a statement has and its error was swallowed: COMMIT would roll back quietly
        return result;
      })) as T;
    } catch (error) {
      throw databaseFailure(error);
    }
  }

  /** No statement waits for the wire here, so they run one after the other. */
  async function read(statements: readonly SQL[], { settings, values }: ReadOptions = {}): Promise<Answers> {
    try {
      return await pglite.transaction(async (tx) => {
        await pgliteTransaction(tx).set(settings ?? {});
        const answers: (readonly object[])[] = [];
        for (const statement of statements) {
          const { text, values: given } = compile(statement, values);
          answers.push((await tx.query<object>(text, given)).rows);
        }
        return answers;
      });
    } catch (error) {
      throw databaseFailure(error);
    }
  }

  /** One connection: nobody waits less for a build beside the others, so CONCURRENTLY is left out. */
  async function maintain(
    statements: readonly string[],
    settings: Settings = {},
    signal?: AbortSignal,
  ): Promise<void> {
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
    vectorTypes: installation.vectorTypes,
    async close() {
      await pglite.close();
      await unlock();
    },
  };
  const waits = { waitTimeout: Number.POSITIVE_INFINITY, backgroundTimeout: Number.POSITIVE_INFINITY };
  return {
    ...withFairShare(database, { connections: 1, ...waits }),
    dump: async () => pglite.dumpDataDir("none"),
  };
}

async function lockAt(directory: string): Promise<() => Promise<void>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 }); // it holds everybody's documents
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

function pgliteTransaction(tx: PGliteTransaction): Transaction {
  return {
    orm: drizzle(tx as never) as unknown as Orm,
    async script(sql) {
      await tx.exec(sql);
    },
    async set(settings) {
      const statements = setLocal(settings);
      if (statements.length > 0) await tx.exec(statements.join("; "));
    },
  };
}

/** PGlite sends a parameter as text unless its type has a serializer: give pgvector's two the bytes as they are. */
function sendVectorsAsBytes(pglite: PGliteInterface, { vector, vectors }: InstallationRow): void {
  const { serializers } = pglite as unknown as { serializers: Record<number, (value: unknown) => unknown> };
  serializers[Number(vector)] = (value) => value;
  serializers[Number(vectors)] = (value) => value;
}
