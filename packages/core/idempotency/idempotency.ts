import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeText, encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { leaseEnd } from "../lease/lease-end.ts";
import { nextTurn } from "../turn.ts";

/** A response that is stored and replayed. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface IdempotentOptions {
  /** The caller's `Idempotency-Key`. */
  readonly key: string;
  /** The parts that identify the request. The same key with another request is an error. */
  readonly request: readonly string[];
  readonly signal: AbortSignal;
}

export type IdempotentResult =
  | { readonly replayed: true; readonly response: StoredResponse }
  | { readonly replayed: false };

/** A UUID for an object that the request creates. The same name gives the same UUID each time the request runs. */
export type MakeId = (name: string) => string;

/** Milliseconds that a request has a key leased. After that it counts as dead. */
const LEASE_MS = 60_000;

/**
 * Runs `work` once for a key of the tenant. The same request within 24 hours gets the stored response of the first, and
 * concurrent ones wait for it. If `work` fails or returns no response, the key is released for another attempt. The
 * effects of `work` are committed before its response is stored. If the process dies in between, or `work` fails halfway,
 * it runs again and must have the same effects: it gets `makeId` for that. Throws `idempotency_conflict` if the key was
 * used with another request, and `idempotency_in_progress` if the first one has not finished when the signal is aborted.
 * Source: Stripe's API reference, "Idempotent requests".
 */
export async function runIdempotent(
  database: Database,
  tenantId: string,
  options: IdempotentOptions,
  work: (makeId: MakeId) => Promise<StoredResponse | undefined>,
): Promise<IdempotentResult> {
  const lease = {
    key: encodeText(options.key),
    leaseToken: randomUUID(),
    fingerprint: await fingerprintInSlices(options.request),
  };
  const { stored, since } = await leaseOrWait(database, tenantId, { ...lease, signal: options.signal });
  if (stored) return { response: stored, replayed: true };
  const makeId: MakeId = (name) => uuidOf(fingerprintOf([tenantId, lease.key, lease.fingerprint, since, name]));
  let response: StoredResponse | undefined;
  try {
    response = await work(makeId);
  } catch (error) {
    await releaseKey(database, tenantId, lease);
    throw error;
  }
  if (response) await storeResponse(database, tenantId, { ...lease, response });
  else await releaseKey(database, tenantId, lease);
  return { replayed: false };
}

/** Leases the key, or waits for the response of the request that has leased it. */
async function leaseOrWait(
  database: Database,
  tenantId: string,
  { signal, ...lease }: KeyLease & { readonly fingerprint: Buffer; readonly signal: AbortSignal },
): Promise<{ readonly stored?: StoredResponse; readonly since: string }> {
  for (let wait = 10; ; wait = Math.min(250, wait * 2)) {
    const row = await leaseKey(database, tenantId, lease);
    const { leased, since, fingerprint, status, headers, body } = row;
    if (leased) return { since };
    if (fingerprint !== lease.fingerprint.toString("hex"))
      throw new AppError(
        "idempotency_conflict",
        "The Idempotency-Key was used with another request. Use a new key for each different request.",
        { path: "Idempotency-Key" },
      );
    if (status !== null) return { stored: { status, headers: headers ?? {}, body: decodeText(body ?? "") }, since };
    await sleep(wait, undefined, { signal }).catch(() => {
      throw new AppError(
        "idempotency_in_progress",
        "The first request with this Idempotency-Key is still running. Try again later.",
        { path: "Idempotency-Key", retryAfter: 5 },
      );
    });
  }
}

/** Deletes the tenant's keys that are older than 24 hours. Returns their number. */
export function deleteExpiredKeys(database: Database, tenantId: string): Promise<number> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const deleted =
      await orm.selectRows(sql`DELETE FROM cairn.idempotency_keys WHERE tenant_id = ${tenantId}::uuid AND key IN (
            SELECT key FROM cairn.idempotency_keys
            WHERE tenant_id = ${tenantId}::uuid AND created_at < now() - interval '24 hours' FOR UPDATE SKIP LOCKED)
          RETURNING 1`);
    return deleted.length;
  });
}

function fingerprintOf(parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest();
}

/** `fingerprintOf` in time slices, for parts of megabytes. */
async function fingerprintInSlices(parts: IdempotentOptions["request"]): Promise<Buffer> {
  const hash = createHash("sha256");
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE_CHARACTERS) {
      if (at > 0) await nextTurn();
      hash.update(part.slice(at, at + SLICE_CHARACTERS));
    }
    hash.update("\0");
  }
  return hash.digest();
}

/** Characters that are hashed in one time slice: about a millisecond. */
const SLICE_CHARACTERS = 500_000;

/** The first bytes of a hash as a UUID of version 8, the version for custom formats (RFC 9562, 5.8). */
function uuidOf(hash: Buffer): string {
  const bytes = hash.subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

interface KeyLease {
  readonly key: string;
  readonly leaseToken: string;
}

interface KeyRow {
  /** Whether this request has the lease. */
  readonly leased: boolean;
  /** When the key was first leased, in microseconds. The same key has another value after 24 hours. */
  readonly since: string;
  readonly fingerprint: string;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly body: string | null;
}

/** Leases the key if it is new, 24 hours old or released, or if its request has died. Returns the state of the key. */
async function leaseKey(
  database: Database,
  tenantId: string,
  { key, leaseToken, fingerprint }: KeyLease & { readonly fingerprint: Buffer },
): Promise<KeyRow> {
  return asTenant(database, tenantId, async ({ orm }) => {
    await orm.execute(sql`
      INSERT INTO cairn.idempotency_keys AS existing (tenant_id, key, fingerprint, holder, held_until)
      VALUES (${tenantId}::uuid, ${key}, ${fingerprint}, ${leaseToken}::uuid, ${leaseEnd(LEASE_MS)})
      ON CONFLICT (tenant_id, key) DO UPDATE
      SET fingerprint = excluded.fingerprint, holder = excluded.holder, held_until = excluded.held_until,
          status = NULL, headers = NULL, body = NULL,
          created_at = CASE WHEN excluded.created_at - existing.created_at > interval '24 hours'
                            THEN excluded.created_at ELSE existing.created_at END
      WHERE excluded.created_at - existing.created_at > interval '24 hours'
         OR existing.held_until = '-infinity'
         OR (existing.status IS NULL AND existing.held_until < excluded.created_at AND existing.fingerprint = excluded.fingerprint)`);
    const [row] = await orm.selectRows<KeyRow>(sql`
          SELECT holder = ${leaseToken}::uuid AS leased, extract(epoch FROM created_at)::text AS since,
                 encode(fingerprint, 'hex') AS fingerprint, status, headers, body
          FROM cairn.idempotency_keys WHERE tenant_id = ${tenantId}::uuid AND key = ${key}`);
    return row as KeyRow;
  });
}

async function storeResponse(
  database: Database,
  tenantId: string,
  { key, leaseToken, response }: KeyLease & { readonly response: StoredResponse },
): Promise<void> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.idempotency_keys
      SET status = ${response.status}::int, headers = ${JSON.stringify(response.headers)}::jsonb, body = ${encodeText(response.body)}
      WHERE tenant_id = ${tenantId}::uuid AND key = ${key} AND holder = ${leaseToken}::uuid`),
  );
}

/** Releases the key for any request. Its creation time stays, so that a partly completed request runs again with the same ids. */
async function releaseKey(database: Database, tenantId: string, { key, leaseToken }: KeyLease): Promise<void> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.idempotency_keys SET held_until = '-infinity'
      WHERE tenant_id = ${tenantId}::uuid AND key = ${key} AND holder = ${leaseToken}::uuid AND status IS NULL`),
  );
}
