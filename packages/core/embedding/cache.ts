import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Database, Transaction } from "../database/database.ts";
import { encodeText } from "../database/text.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { decodeVector, encodeVectorArray } from "../database/vector.ts";
import type { Embedded, Embedder, EmbedOptions } from "./embedder.ts";
import { findModelFault } from "./model-fault.ts";

/** Maximum vectors read in one statement. */
const MAX_PAGE_VECTORS = 1000;

/** Maximum bytes of vectors read in one statement. */
const MAX_PAGE_BYTES = 8_000_000;

/** Days before a read updates `used_at` again: half of the expiry time, so that few reads write. */
const TOUCH_DAYS = 15;

/** SHA-256 of the UTF-8 text as Postgres stores it: 32 bytes. */
export function contentHash(text: string): Buffer {
  return createHash("sha256").update(encodeText(text), "utf8").digest();
}

/**
 * Embeds texts and pays for each distinct text once. Vectors that the tenant has for the same model and dimensions are
 * read from its cache. New vectors are stored as they arrive, so that a later failure does not make them cost twice.
 * Returns one Float32Array of `dimensions` per text, in order, or the reason why the text has none; such a text is not
 * cached. Throws the embedder's errors.
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
  const space = { model: embedder.model, dimensions: options.dimensions };
  const cache = await openCache(database, tenantId, space);
  const hashes = texts.map((text) => contentHash(text).toString("hex"));
  const firstIndex = new Map<string, number>(); // index of the first text with each hash
  for (const [index, hash] of hashes.entries()) if (!firstIndex.has(hash)) firstIndex.set(hash, index);
  const cached = await cache.read([...firstIndex.keys()]);
  const missing = [...firstIndex].filter(([hash]) => !cached.has(hash));
  const created = await embedder.embed(
    missing.map(([, index]) => texts[index] as string),
    {
      ...options,
      onBatch: (batch) => cache.write(batch.map(({ index, vector }) => [missing[index]?.[0] as string, vector])),
    },
  );
  for (const [index, [hash]] of missing.entries()) cached.set(hash, created[index] as Embedded);
  return hashes.map((hash) => cached.get(hash) as Embedded);
}

export interface Space {
  readonly model: string;
  readonly dimensions: number;
}

async function openCache(database: Database, tenantId: string, space: Space) {
  const { model, dimensions } = space;
  const types = await database.vectorTypes(); // before the transaction starts, because PGlite has only one connection
  return {
    /** The cached vectors, by the text's hash in hex. */
    async read(hashes: readonly string[]) {
      const vectors = new Map<string, Embedded>();
      const page = Math.max(1, Math.min(MAX_PAGE_VECTORS, Math.floor(MAX_PAGE_BYTES / (4 * dimensions))));
      for (let start = 0; start < hashes.length; start += page) {
        const pageHashes = hashes.slice(start, start + page);
        const read = await asTenant(database, tenantId, (transaction) =>
          readVectors(transaction, tenantId, { space, hashes: pageHashes }),
        );
        for (const [hash, vector] of read) vectors.set(hash, vector);
      }
      return vectors;
    },
    /** Stores vectors in a separate transaction. */
    async write(unordered: readonly (readonly [hash: string, vector: Float32Array])[]): Promise<void> {
      // Cache rows are locked in the order of their hashes, as in deletes. This prevents deadlocks.
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
 * The cached vectors of texts, read in the tenant's open transaction: one per text, undefined if the cache has none.
 * All vectors are in memory at once, so the caller limits the number of texts.
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
  const inSpace = sql`tenant_id = ${uuidLiteral(tenantId)} AND model = ${model} AND dimensions = ${dimensions}`;
  const inHashes = (selected: readonly string[]) =>
    sql`${inSpace} AND content_hash IN (SELECT decode(h, 'hex') FROM unnest(${sql.param(selected)}::text[]) AS h)`;
  const rows = await orm.selectRows<{ hash: string; embedding: Uint8Array; old: boolean }>(sql`
        SELECT encode(content_hash, 'hex') AS hash, vector_send(embedding) AS embedding,
               used_at < now() - ${TOUCH_DAYS}::int * interval '1 day' AS old
        FROM cairn.embedding_cache WHERE ${inHashes(hashes)}`);
  const old = rows.flatMap((row) => (row.old ? [row.hash] : []));
  if (old.length > 0)
    await orm.execute(sql`
      UPDATE cairn.embedding_cache SET used_at = now()
      WHERE ${inSpace} AND content_hash IN (
        SELECT content_hash FROM cairn.embedding_cache WHERE ${inHashes(old)} FOR UPDATE SKIP LOCKED)`);
  const vectors = new Map(rows.map(({ hash, embedding }) => [hash, decodeVector(embedding)]));
  const unusable = [...vectors].filter(([, vector]) => findModelFault(vector)).map(([hash]) => hash);
  if (unusable.length === 0) return vectors;
  // Earlier versions cached unusable vectors too, such as zeros. Their texts are embedded again.
  await orm.execute(sql`DELETE FROM cairn.embedding_cache WHERE ${inHashes(unusable)}`);
  for (const hash of unusable) vectors.delete(hash);
  return vectors;
}
