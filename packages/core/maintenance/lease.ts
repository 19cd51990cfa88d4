import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asAdmin } from "../database/transaction.ts";
import { AppError } from "../error.ts";

/** Milliseconds that a lease outlives its holder's last sign of life. */
const DURATION = 60_000;

/**
 * Runs `work` while nobody else runs what has the same name, in whichever process. The signal is aborted when the
 * lease is lost. Returns undefined where another holds it, for as long as `wait` milliseconds (default 0).
 */
export async function withLease<T>(
  database: Database,
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
  { wait = 0, signal }: { readonly wait?: number; readonly signal?: AbortSignal } = {},
): Promise<{ readonly result: T } | undefined> {
  const holder = randomUUID();
  const until = Date.now() + wait;
  while (!(await takeLease(database, name, holder))) {
    if (Date.now() >= until) return undefined;
    await sleep(Math.min(1_000, wait), undefined, { signal });
  }
  const lost = new AbortController();
  const timer = setInterval(async () => {
    const held = await takeLease(database, name, holder).catch(() => true); // out of reach for now; it lasts a while
    if (!held) lost.abort(new AppError("run_held", `Another process has taken over ${name}.`));
  }, DURATION / 4);
  try {
    return { result: await work(lost.signal) };
  } finally {
    clearInterval(timer);
    await asAdmin(database, ({ orm }) =>
      orm.execute(
        sql`DELETE FROM cairn.maintenance_leases WHERE name = ${name} AND holder = ${holder}::uuid`,
      ),
    );
  }
}

async function takeLease(database: Database, name: string, holder: string): Promise<boolean> {
  const taken = await asAdmin(database, ({ orm }) =>
    selectRows(
      orm,
      sql`INSERT INTO cairn.maintenance_leases AS lease (name, holder, expires_at)
          VALUES (${name}, ${holder}::uuid, now() + ${DURATION}::float8 * interval '1 millisecond')
          ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
          WHERE lease.holder = excluded.holder OR lease.expires_at < now()
          RETURNING name`,
    ),
  );
  return taken.length > 0;
}
