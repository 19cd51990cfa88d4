import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Database, Transaction } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { encodeText } from "../database/text.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { decodeVector, encodeVectorArray } from "../database/vector.ts";
import type { Embedded, Embedder, EmbedOptions } from "./embedder.ts";
import { findModelFault } from "./openai-reply.ts";

/** Vectors read in one statement at most. */
const PAGE = 1000;

/** Bytes of vectors read in one statement. */
const PAGE_BYTES = 8_000_000;

/** Days after which a vector that is used counts as used again: half of what the sweep waits, so that few are written. */
const TOUCH_DAYS = 15;

/** SHA-256 of the text as Postgres stores it, in UTF-8: 32 bytes. */
export function contentHash(text: string): Buffer {
  return createHash("sha256").update(encodeText(text), "utf8").digest();
}

/**
 * Embeds texts, paying for each different one once: what the tenant had embedded before by the same model and size
 * is read from its cache, and what comes new is stored as it arrives, so that a later failure costs nothing twice.
 * One Float32Array of `dimensions` a text, in order, or the reason why it has none; such a text is not cached.
 * Throws what the embedder throws.
 */
export async function embedWithCache(
  database: Database,
  tenantId: string,
  embedder: Embedder,
  texts: readonly string[],
  options: Pick<EmbedOptions, "dimensions" | "signal">,
): Promise<readonly Embedded[]> {
  if (texts.length === 0) return [];
  if (embedder.cacheable === false) return embedder.embed(texts, options);
  const cache = await openCache(database, tenantId, {
    model: embedder.model,
    dimensions: options.dimensions,
  });
  const hashes = texts.map((text) => contentHash(text).toString("hex"));
  const first = new Map<string, number>(); // where each different text stands first
  for (const [index, hash] of hashes.entries()) if (!first.has(hash)) first.set(hash, index);
  const known: Map<string, Embedded> = await cache.read([...first.keys()]);
  const missing = [...first].filter(([hash]) => !known.has(hash));
  const made = await embedder.embed(
    missing.map(([, index]) => texts[index] as string),
    {
      ...options,
      onBatch: (batch) =>
        cache.write(batch.map(({ index, vector }) => [missing[index]?.[0] as string, vector])),
    },
  );
  for (const [index, [hash]] of missing.entries()) known.set(hash, made[index] as Embedded);
  return hashes.map((hash) => known.get(hash) as Embedded);
}

interface Cache {
  /** Vectors that are known, by the text's hash in hex. */
  read(hashes: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Stores vectors in a transaction of their own. */
  write(entries: readonly (readonly [hash: string, vector: Float32Array])[]): Promise<void>;
}

export interface Space {
  readonly model: string;
  readonly dimensions: number;
}

async function openCache(database: Database, tenantId: string, space: Space): Promise<Cache> {
  const { model, dimensions } = space;
  const types = await database.vectorTypes(); // before a transaction is open: PGlite has one connection
  return {
    async read(hashes) {
      const vectors = new Map<string, Float32Array>();
      const page = Math.max(1, Math.min(PAGE, Math.floor(PAGE_BYTES / (4 * dimensions))));
      for (let start = 0; start < hashes.length; start += page) {
        const some = hashes.slice(start, start + page);
        const read = await asTenant(database, tenantId, (transaction) =>
          readVectors(transaction, tenantId, { space, hashes: some }),
        );
        for (const [hash, vector] of read) vectors.set(hash, vector);
      }
      return vectors;
    },
    async write(unordered) {
      // Rows of the cache are locked in the order of their hashes, as whoever deletes them does.
      const entries = unordered.toSorted(([a], [b]) => (a < b ? -1 : 1));
      const embeddings = encodeVectorArray(
        entries.map(([, vector]) => vector),
        types.vector,
      );
      await asTenant(database, tenantId, ({ orm }) =>
        orm.execute(sql`
          INSERT INTO cairn.embedding_cache (tenant_id, model, dimensions, content_hash, embedding)
          SELECT ${uuidLiteral(tenantId)}, ${model}, ${dimensions}::int, decode(e.hash, 'hex'), e.embedding
          FROM unnest(${sql.param(entries.map(([hash]) => hash))}::text[], ${sql.param(embeddings)}::vector[]) AS e (hash, embedding)
          ON CONFLICT (tenant_id, model, dimensions, content_hash) DO UPDATE
          SET embedding = excluded.embedding, used_at = excluded.used_at`),
      );
    },
  };
}

/**
 * The vectors of texts that were embedded before, in the tenant's open transaction: one a text, undefined where the
 * cache has none. Give it no more texts than their vectors may take memory.
 */
export async function readCachedVectors(
  transaction: Transaction,
  tenantId: string,
  { space, texts }: { readonly space: Space; readonly texts: readonly string[] },
): Promise<readonly (Float32Array | undefined)[]> {
  const hashes = texts.map((text) => contentHash(text).toString("hex"));
  const vectors = await readVectors(transaction, tenantId, { space, hashes: [...new Set(hashes)] });
  return hashes.map((hash) => vectors.get(hash));
}

async function readVectors(
  { orm }: Transaction,
  tenantId: string,
  { space: { model, dimensions }, hashes }: { readonly space: Space; readonly hashes: readonly string[] },
): Promise<Map<string, Float32Array>> {
  const known = sql`tenant_id = ${uuidLiteral(tenantId)} AND model = ${model} AND dimensions = ${dimensions}`;
  const among = (some: readonly string[]) =>
    sql`${known} AND content_hash IN (SELECT decode(h, 'hex') FROM unnest(${sql.param(some)}::text[]) AS h)`;
  const rows = await selectRows<{ hash: string; embedding: Uint8Array; old: boolean }>(
    orm,
    sql`SELECT encode(content_hash, 'hex') AS hash, vector_send(embedding) AS embedding,
               used_at < now() - ${TOUCH_DAYS}::int * interval '1 day' AS old
        FROM cairn.embedding_cache WHERE ${among(hashes)}`,
  );
  const old = rows.flatMap((row) => (row.old ? [row.hash] : []));
  if (old.length > 0)
    await orm.execute(sql`
      UPDATE cairn.embedding_cache SET used_at = now()
      WHERE ${known} AND content_hash IN (
        SELECT content_hash FROM cairn.embedding_cache WHERE ${among(old)} FOR UPDATE SKIP LOCKED)`);
  const vectors = new Map(rows.map(({ hash, embedding }) => [hash, decodeVector(embedding)]));
  const unusable = [...vectors].filter(([, vector]) => findModelFault(vector)).map(([hash]) => hash);
  if (unusable.length === 0) return vectors;
  // Earlier versions cached what a model gave, zeros too: such texts are embedded again.
  await orm.execute(sql`DELETE FROM cairn.embedding_cache WHERE ${among(unusable)}`);
  for (const hash of unusable) vectors.delete(hash);
  return vectors;
}
