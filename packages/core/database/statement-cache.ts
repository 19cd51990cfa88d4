import { createHash } from "node:crypto";
import type { PoolClient } from "pg";
import { retainMemory } from "./server-memory.ts";

/** Plans that a connection keeps at most: each takes about 130 kB of the server's memory. */
const MAX_STATEMENTS = 50;

/** Megabytes that a search is done with. */
const SEARCH_MEMORY = 2;

/** The plans that one connection's server process keeps, by the text of their statements. */
export interface StatementCache {
  /** Its tables lie on other servers as well (Citus), which learn of settings by SET LOCAL alone. */
  readonly distributed: boolean;
  /** Under what the plan of a statement is kept, from the second time on, and whether the server has it already. */
  take(text: string): { readonly name?: string; readonly parsed?: boolean };
  /** The server has these now. */
  keep(names: Iterable<string>): void;
  /** Lets go of all. */
  clear(): void;
  /** Names that were let go of since it was asked last, for the server to close. */
  release(): readonly string[];
}

/**
 * Keeps plans for connections that have a server process of their own. Behind a transaction pooler the next statement may
 * come to another, which has not seen the name: the process is not the one that the connection was told of at its start.
 */
export function createStatementCaches() {
  const kept = new WeakMap<PoolClient, StatementCache>();
  return {
    /** For a connection that was opened just now. The question travels with its first statements. */
    async watch(client: PoolClient): Promise<void> {
      const { processID } = client as unknown as { readonly processID: number };
      const { rows } = await client.query<{ pid: number; distributed: boolean }>(
        `SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS distributed,
                ${retainMemory(SEARCH_MEMORY)} AS kept`,
      );
      const [row] = rows;
      if (row?.pid === processID) kept.set(client, createStatementCache(row.distributed));
    },
    /** Undefined where none can be kept. */
    of: (client: PoolClient): StatementCache | undefined => kept.get(client),
    /** What failed may work without: lets go of outdated plans, and keeps none where names are not this connection's own. */
    recover(client: PoolClient, error: unknown): boolean {
      const { code } = error as { readonly code?: string };
      const plans = kept.get(client);
      if (!plans || !FAULTS.has(code ?? "")) return false;
      if (code === OUTDATED) plans.clear();
      else kept.delete(client);
      return true;
    },
  };
}

/** "feature_not_supported": a column has another type since the plan was made. Source: PostgreSQL, plancache.c. */
const OUTDATED = "0A000";

/** That, and a name that the server does not know: another process answers than the one that was asked. */
const FAULTS: ReadonlySet<string> = new Set([OUTDATED, "26000"]);

function createStatementCache(distributed: boolean): StatementCache {
  const names = new Map<string, string | undefined>(); // the first has gone unused for the longest
  const made = new Set<string>();
  const drop = (text: string) => {
    const name = names.get(text);
    names.delete(text);
    if (name && made.delete(name)) released.push(name);
  };
  let released: string[] = [];
  return {
    distributed,
    take(text) {
      const name = names.has(text) ? (names.get(text) ?? nameOf(text)) : undefined;
      names.delete(text);
      names.set(text, name);
      const [oldest] = names.size > MAX_STATEMENTS ? names.keys() : [];
      if (oldest !== undefined) drop(oldest);
      return name ? { name, parsed: made.has(name) } : {};
    },
    keep(given) {
      for (const name of given) made.add(name);
    },
    clear() {
      for (const text of names.keys()) drop(text);
    },
    release() {
      const gone = released;
      released = [];
      return gone;
    },
  };
}

/** By the text itself: whatever answers, a name never stands for another statement. */
function nameOf(text: string): string {
  return `cairn_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}`;
}
