import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { decodeText, encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";

/** An answer that is kept and given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface OnceOptions {
  /** The caller's `Idempotency-Key`. */
  readonly key: string;
  /** What the request is: the same key with another is an error. */
  readonly request: readonly (string | Uint8Array)[];
  readonly signal: AbortSignal;
}

export type Once = { readonly replayed: true; readonly answer: KeptAnswer } | { readonly replayed: false };

/** Milliseconds after which a request that shows no end is taken for dead. */
const HELD = 60_000;

/**
 * Does `work` once for a key of the tenant's: whoever asks again within 24 hours gets the answer of the first, and those
 * who ask meanwhile wait for it. Where `work` has none, as it failed, the key is free for another try. Throws `idempotency_conflict` where the key came with another request,
 * `idempotency_in_progress` where the first is not done when the signal is aborted.
 * Source: Stripe's API reference, "Idempotent requests".
 */
export async function once(
  database: Database,
  tenantId: string,
  options: OnceOptions,
  work: () => Promise<KeptAnswer | undefined>,
): Promise<Once> {
  const key = encodeText(options.key);
  const holder = randomUUID();
  const fingerprint = fingerprintOf(options.request);
  for (let wait = 10; ; wait = Math.min(250, wait * 2)) {
    const found = await take(database, tenantId, { key, holder, fingerprint });
    if (found.mine) break;
    if (found.fingerprint !== fingerprint.toString("hex"))
      throw new AppError(
        "idempotency_conflict",
        "This Idempotency-Key came with another request before. Use a new key for each different request.",
        { path: "Idempotency-Key" },
      );
    if (found.status !== null)
      return {
        answer: { status: found.status, headers: found.headers ?? {}, body: decodeText(found.body ?? "") },
        replayed: true,
      };
    await sleep(wait, undefined, { signal: options.signal }).catch(() => {
      throw new AppError(
        "idempotency_in_progress",
        "The first request with this Idempotency-Key is still under way.",
        {
          path: "Idempotency-Key",
          retryAfter: 5,
        },
      );
    });
  }
  let answer: KeptAnswer | undefined;
  try {
    answer = await work();
  } catch (error) {
    await release(database, tenantId, { key, holder });
    throw error;
  }
  if (answer) await keep(database, tenantId, { key, holder, answer });
  else await release(database, tenantId, { key, holder });
  return { replayed: false };
}

/** Forgets what is older than a day. Returns how many. */
export function forgetOldKeys(database: Database, tenantId: string): Promise<number> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const gone = await selectRows(
      orm,
      sql`DELETE FROM cairn.idempotency_keys WHERE tenant_id = ${tenantId}::uuid AND created_at < now() - interval '24 hours' RETURNING 1`,
    );
    return gone.length;
  });
}

function fingerprintOf(parts: OnceOptions["request"]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest();
}

interface Claim {
  readonly key: string;
  readonly holder: string;
}

interface Found {
  readonly mine: boolean;
  readonly fingerprint: string;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly body: string | null;
}

/** Takes the key where it is new, a day old, or its request has died; else tells what is known of it. */
async function take(
  database: Database,
  tenantId: string,
  { key, holder, fingerprint }: Claim & { readonly fingerprint: Buffer },
): Promise<Found> {
  return asTenant(database, tenantId, async ({ orm }) => {
    await orm.execute(sql`
      INSERT INTO cairn.idempotency_keys AS kept (tenant_id, key, fingerprint, holder, held_until)
      VALUES (${tenantId}::uuid, ${key}, ${fingerprint}, ${holder}::uuid, now() + ${HELD}::float8 * interval '1 millisecond')
      ON CONFLICT (tenant_id, key) DO UPDATE
      SET fingerprint = excluded.fingerprint, holder = excluded.holder, held_until = excluded.held_until,
          status = NULL, headers = NULL, body = NULL, created_at = now()
      WHERE kept.created_at < now() - interval '24 hours'
         OR (kept.status IS NULL AND kept.held_until < now() AND kept.fingerprint = excluded.fingerprint)`);
    const [row] = await selectRows<Found>(
      orm,
      sql`SELECT holder = ${holder}::uuid AS mine, encode(fingerprint, 'hex') AS fingerprint, status, headers, body
          FROM cairn.idempotency_keys WHERE tenant_id = ${tenantId}::uuid AND key = ${key}`,
    );
    return row as Found;
  });
}

async function keep(
  database: Database,
  tenantId: string,
  { key, holder, answer }: Claim & { readonly answer: KeptAnswer },
): Promise<void> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.idempotency_keys
      SET status = ${answer.status}::int, headers = ${JSON.stringify(answer.headers)}::jsonb, body = ${encodeText(answer.body)}
      WHERE tenant_id = ${tenantId}::uuid AND key = ${key} AND holder = ${holder}::uuid`),
  );
}

async function release(database: Database, tenantId: string, { key, holder }: Claim): Promise<void> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`
      DELETE FROM cairn.idempotency_keys
      WHERE tenant_id = ${tenantId}::uuid AND key = ${key} AND holder = ${holder}::uuid AND status IS NULL`),
  );
}
