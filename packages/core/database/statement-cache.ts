import { createHash } from "node:crypto";
import type { PoolClient } from "pg";
import { type BatchStatement, serverProcessId } from "./pg-internals.ts";
import { retainMemory } from "./server-memory.ts";

/** Maximum number of prepared statements of a connection. Each takes about 130 kB of the server's memory. */
const MAX_STATEMENTS = 50;

/** Megabytes that a search needs. */
const SEARCH_MEMORY_MB = 2;

export type StatementCache = ReturnType<typeof createStatementCache>;

/**
 * Statement caches for connections that have their own server process. Behind a transaction pooler the next statement can
 * reach another process, which does not know the name. The pooler is detected by the process id: it differs from the one
 * that the connection received at its start.
 */
export function createStatementCaches() {
  const caches = new WeakMap<PoolClient, StatementCache>();
  let distributed: boolean | undefined;
  return {
    /** Creates the cache of a new connection, if it can have one. The query is pipelined with the first statements. */
    async register(client: PoolClient): Promise<void> {
      const { rows } = await client.query<{ pid: number; distributed: boolean }>(
        `SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS distributed,
                ${retainMemory(SEARCH_MEMORY_MB)} AS retained`,
      );
      const [row] = rows;
      distributed = row?.distributed ?? distributed;
      if (row?.pid === serverProcessId(client)) caches.set(client, createStatementCache());
    },
    /**
     * Whether the tables are on other servers too (Citus). Those receive settings only by SET LOCAL. Undefined before the first
     * connection is registered.
     */
    isDistributed: (): boolean | undefined => distributed,
    /** Undefined if the connection cannot keep prepared statements. */
    get: (client: PoolClient): StatementCache | undefined => caches.get(client),
    /**
     * Whether a failed statement should be retried. Evicts outdated statements. Stops preparing statements on a
     * connection whose names the server does not know.
     */
    recover(client: PoolClient, error: unknown): boolean {
      const { code } = error as { readonly code?: string };
      const cache = caches.get(client);
      if (!cache || !RECOVERABLE.has(code ?? "")) return false;
      if (code === OUTDATED) cache.clear();
      else caches.delete(client);
      return true;
    },
  };
}

/** "feature_not_supported": a column has another type since the statement was prepared. Source: PostgreSQL, plancache.c. */
const OUTDATED = "0A000";

/** `OUTDATED`, and a name that the server does not know: another process answers than the one that prepared it. */
const RECOVERABLE: ReadonlySet<string> = new Set([OUTDATED, "26000"]);

/** The prepared statements of one connection, by their text. The least recently used one is evicted first. */
function createStatementCache() {
  const names = new Map<string, string | undefined>(); // ordered by last use, oldest first
  const prepared = new Set<string>();
  const evicted: string[] = [];
  const evict = (text: string) => {
    const name = names.get(text);
    names.delete(text);
    if (name && prepared.delete(name)) evicted.push(name);
  };
  return {
    /**
     * How to send a statement: its name, from the second use on, and whether the server has prepared it. A statement that
     * is used once is not prepared.
     */
    use(text: string): Pick<BatchStatement, "name" | "parsed"> {
      const name = names.has(text) ? (names.get(text) ?? nameOf(text)) : undefined;
      names.delete(text);
      names.set(text, name);
      const [oldest] = names.size > MAX_STATEMENTS ? names.keys() : [];
      if (oldest !== undefined) evict(oldest);
      return name ? { name, parsed: prepared.has(name) } : {};
    },
    /** Records that the server has prepared these statements. */
    markPrepared(statementNames: Iterable<string>): void {
      for (const name of statementNames) prepared.add(name);
    },
    /** Evicts all statements. */
    clear(): void {
      for (const text of names.keys()) evict(text);
    },
    /** Names of the statements evicted since the last call, for the server to close. */
    takeEvicted: (): readonly string[] => evicted.splice(0),
  };
}

/** A name derived from the text, so that a name never refers to another statement, whichever process answers. */
function nameOf(text: string): string {
  return `cairn_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}`;
}
