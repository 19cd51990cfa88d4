import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { decodeText, encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { nextTurn } from "../turn.ts";

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
  readonly request: readonly string[];
  readonly signal: AbortSignal;
}

export type Once = { readonly replayed: true; readonly answer: KeptAnswer } | { readonly replayed: false };

/** An id of the request's making, a UUID: for the same name the same one whenever the request is done again. */
export type MakeId = (name: string) => string;

/** Milliseconds after which a request that shows no end is taken for dead. */
const HELD = 60_000;

/**
 * Does `work` once for a key of the tenant's: whoever asks again within 24 hours gets the answer of the first, and those
 * who ask meanwhile wait for it. Where `work` has none, as it failed, the key is free for another try. What it did is
 * committed before its answer is kept: where the process dies between the two, or it failed halfway, it is done again,
 * and must come to the same. For that it is given `makeId`. Throws `idempotency_conflict` where the key came with
 * another request, `idempotency_in_progress` where the first is not done when the signal is aborted.
 * Source: Stripe's API reference, "Idempotent requests".
 */
export async function once(
  database: Database,
  tenantId: string,
  options: OnceOptions,
  work: (makeId: MakeId) => Promise<KeptAnswer | undefined>,
): Promise<Once> {
  const claim = {
    key: encodeText(options.key),
    holder: randomUUID(),
    fingerprint: await fingerprintInTurns(options.request),
  };
  const { kept, since } = await takeOrWait(database, tenantId, { ...claim, signal: options.signal });
  if (kept) return { answer: kept, replayed: true };
  const makeId: MakeId = (name) =>
    uuidOf(fingerprintOf([tenantId, claim.key, claim.fingerprint, since, name]));
  let answer: KeptAnswer | undefined;
  try {
    answer = await work(makeId);
  } catch (error) {
    await release(database, tenantId, claim);
    throw error;
  }
  if (answer) await keep(database, tenantId, { ...claim, answer });
  else await release(database, tenantId, claim);
  return { replayed: false };
}

/** Takes the key, or waits for the answer of whoever has it. */
async function takeOrWait(
  database: Database,
  tenantId: string,
  { signal, ...claim }: Claim & { readonly fingerprint: Buffer; readonly signal: AbortSignal },
): Promise<{ readonly kept?: KeptAnswer; readonly since: string }> {
  for (let wait = 10; ; wait = Math.min(250, wait * 2)) {
    const { mine, since, fingerprint, status, headers, body } = await take(database, tenantId, claim);
    if (mine) return { since };
    if (fingerprint !== claim.fingerprint.toString("hex"))
      throw new AppError(
        "idempotency_conflict",
        "This Idempotency-Key came with another request before. Use a new key for each different request.",
        { path: "Idempotency-Key" },
      );
    if (status !== null)
      return { kept: { status, headers: headers ?? {}, body: decodeText(body ?? "") }, since };
    await sleep(wait, undefined, { signal }).catch(() => {
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
}

/** Forgets what is older than a day. Returns how many. */
export function forgetOldKeys(database: Database, tenantId: string): Promise<number> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const gone = await selectRows(
      orm,
      sql`DELETE FROM cairn.idempotency_keys WHERE (tenant_id, key) IN (
            SELECT tenant_id, key FROM cairn.idempotency_keys
            WHERE tenant_id = ${tenantId}::uuid AND created_at < now() - interval '24 hours' FOR UPDATE SKIP LOCKED)
          RETURNING 1`,
    );
    return gone.length;
  });
}

function fingerprintOf(parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest();
}

/** `fingerprintOf` of parts that may have megabytes. */
async function fingerprintInTurns(parts: OnceOptions["request"]): Promise<Buffer> {
  const hash = createHash("sha256");
  for (const part of parts) {
    for (let at = 0; at < part.length; at += TURN) {
      if (at > 0) await nextTurn();
      hash.update(part.slice(at, at + TURN));
    }
    hash.update("\0");
  }
  return hash.digest();
}

/** Characters that are hashed in one turn: about a millisecond. */
const TURN = 500_000;

/** A hash's first bytes as a UUID of version 8, the one that is free for such (RFC 9562, 5.8). */
function uuidOf(hash: Buffer): string {
  const bytes = hash.subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

interface Claim {
  readonly key: string;
  readonly holder: string;
}

interface Found {
  readonly mine: boolean;
  /** When the key was first taken, to the microsecond: of the same key a day later it is another. */
  readonly since: string;
  readonly fingerprint: string;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly body: string | null;
}

/** Takes the key where it is new, a day old, or free, or its request has died; else tells what is known of it. */
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
          status = NULL, headers = NULL, body = NULL,
          created_at = CASE WHEN kept.created_at < now() - interval '24 hours'
                            THEN excluded.created_at ELSE kept.created_at END
      WHERE kept.created_at < now() - interval '24 hours'
         OR kept.held_until = '-infinity'
         OR (kept.status IS NULL AND kept.held_until < now() AND kept.fingerprint = excluded.fingerprint)`);
    const [row] = await selectRows<Found>(
      orm,
      sql`SELECT holder = ${holder}::uuid AS mine, extract(epoch FROM created_at)::text AS since,
                 encode(fingerprint, 'hex') AS fingerprint, status, headers, body
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

/** Frees the key for any request, and remembers since when it is known: what was done halfway is done again under the same ids. */
async function release(database: Database, tenantId: string, { key, holder }: Claim): Promise<void> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.idempotency_keys SET held_until = '-infinity'
      WHERE tenant_id = ${tenantId}::uuid AND key = ${key} AND holder = ${holder}::uuid AND status IS NULL`),
  );
}
