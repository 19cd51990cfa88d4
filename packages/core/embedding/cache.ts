import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { decodeVector, encodeVectorArray } from "../database/vector.ts";
import { AppError } from "../error.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/** Vectors read in one statement: 1,000 of 1,536 dimensions are 6 MB. */
const PAGE = 1000;

/** SHA-256 of the text's UTF-8: 32 bytes. */
export function contentHash(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/**
 * Embeds texts, paying for each different one once: what the tenant had embedded before by the same model and size
 * is read from its cache, and what comes new is stored as each batch arrives, so that a later failure costs nothing
 * twice. One Float32Array of `dimensions` a text, in order. Throws what the embedder throws, `invalid_input` with the
 * path of the caller's text.
 */
export async function embedWithCache(
  database: Database,
  tenantId: string,
  embedder: Embedder,
  texts: readonly string[],
  options: Pick<EmbedOptions, "dimensions" | "signal">,
): Promise<readonly Float32Array[]> {
  if (texts.length === 0) return [];
  if (embedder.cacheable === false) return embedder.embed(texts, options);
  const cache = await openCache(database, tenantId, {
    model: embedder.model,
    dimensions: options.dimensions,
  });
  const hashes = texts.map((text) => contentHash(text).toString("hex"));
  const first = new Map<string, number>(); // where each different text stands first
  for (const [index, hash] of hashes.entries()) if (!first.has(hash)) first.set(hash, index);
  const vectors = await cache.read([...first.keys()]);
  const missing = [...first].filter(([hash]) => !vectors.has(hash));
  try {
    const made = await embedder.embed(
      missing.map(([, index]) => texts[index] as string),
      {
        ...options,
        onBatch: (batch, offset) =>
          cache.write(batch.map((vector, index) => [missing[offset + index]?.[0] as string, vector])),
      },
    );
    for (const [index, [hash]] of missing.entries()) vectors.set(hash, made[index] as Float32Array);
  } catch (error) {
    throw withCallersPath(
      error,
      missing.map(([, index]) => index),
    );
  }
  return hashes.map((hash) => vectors.get(hash) as Float32Array);
}

/** The embedder saw the missing texts alone, and names their places. */
function withCallersPath(error: unknown, places: readonly number[]): unknown {
  const [, at] = (error instanceof AppError && /^texts\[(\d+)\]$/.exec(error.path ?? "")) || [];
  if (!(error instanceof AppError) || at === undefined) return error;
  return new AppError(error.code, error.message, {
    cause: error.cause,
    path: `texts[${places[Number(at)]}]`,
  });
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
      for (let start = 0; start < hashes.length; start += PAGE) {
        const rows = await asTenant(database, tenantId, ({ orm }) =>
          selectRows<{ hash: string; embedding: Uint8Array }>(
            orm,
            sql`
              SELECT encode(content_hash, 'hex') AS hash, vector_send(embedding) AS embedding
              FROM cairn.embedding_cache
              WHERE tenant_id = ${uuidLiteral(tenantId)} AND model = ${model} AND dimensions = ${dimensions}
                AND content_hash IN (
                  SELECT decode(h, 'hex') FROM unnest(${sql.param(hashes.slice(start, start + PAGE))}::text[]) AS h)`,
          ),
        );
        for (const { hash, embedding } of rows) vectors.set(hash, decodeVector(embedding));
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
