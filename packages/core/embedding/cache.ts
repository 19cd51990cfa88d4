import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { decodeVector, encodeVectorArray } from "../database/vector.ts";
import type { Embedded, Embedder, EmbedOptions } from "./embedder.ts";
import { findVectorFault } from "./openai-reply.ts";

/** Vectors read in one statement at most. */
const PAGE = 1000;

/** Bytes of vectors read in one statement. */
const PAGE_BYTES = 8_000_000;

/** SHA-256 of the text's UTF-8: 32 bytes. */
export function contentHash(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
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

interface Space {
  readonly model: string;
  readonly dimensions: number;
}

async function openCache(database: Database, tenantId: string, { model, dimensions }: Space): Promise<Cache> {
  const types = await database.vectorTypes(); // before a transaction is open: PGlite has one connection
  return {
    async read(hashes) {
      const vectors = new Map<string, Float32Array>();
      const page = Math.max(1, Math.min(PAGE, Math.floor(PAGE_BYTES / (4 * dimensions))));
      for (let start = 0; start < hashes.length; start += page) {
        const rows = await asTenant(database, tenantId, ({ orm }) =>
          selectRows<{ hash: string; embedding: Uint8Array }>(
            orm,
            sql`
              SELECT encode(content_hash, 'hex') AS hash, vector_send(embedding) AS embedding
              FROM cairn.embedding_cache
              WHERE tenant_id = ${uuidLiteral(tenantId)} AND model = ${model} AND dimensions = ${dimensions}
                AND content_hash IN (
                  SELECT decode(h, 'hex') FROM unnest(${sql.param(hashes.slice(start, start + page))}::text[]) AS h)`,
          ),
        );
        for (const { hash, embedding } of rows) {
          const vector = decodeVector(embedding);
          if (findVectorFault(vector) === undefined) vectors.set(hash, vector); // else it is embedded again
        }
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
          ON CONFLICT DO NOTHING`),
      );
    },
  };
}
