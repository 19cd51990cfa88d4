import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import type { Transaction } from "../database/database.ts";
import { readCachedVectors } from "../embedding/cache.ts";
import { embedAll } from "../embedding/embed-all.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { passageBytes, SLICE_BYTES, SLICE_PASSAGES, sliceByBytes } from "./byte-slices.ts";
import type { Row } from "./document.ts";
import { embeddedDimensions, embeddedText, embedGroups } from "./passages.ts";
import { type WriteOptions, writeRows } from "./write.ts";

// A document's passages are replaced in one transaction, and their vectors may be more than a process should hold. So
// they are embedded first, slice by slice, into the tenant's cache, and read from there as the rows are written.

/** Whether so many passages of one document are embedded and written slice by slice. */
export function isLarge(passages: number, bytes: number): boolean {
  return passages > SLICE_PASSAGES || bytes > SLICE_BYTES;
}

/**
 * Embeds a document's rows into the tenant's cache. Returns why one of them has no vector; undefined: all have one.
 * Throws what the embedder throws.
 */
export async function prepareLarge(
  services: Services,
  collection: Collection,
  rows: readonly Row[],
  signal?: AbortSignal,
): Promise<AppError | undefined> {
  if (collectionEmbedder(services, collection).cacheable === false) return undefined; // embedded as they are written
  for await (const slice of slicesOf(rows, embeddedDimensions(services, collection))) {
    const [vectors] = await embedGroups(services, collection, [slice.map(textOf)], signal);
    if (vectors instanceof AppError) return vectors;
  }
  return undefined;
}

export interface LargeOptions extends WriteOptions {
  readonly rows: readonly Row[];
  /** Of the vectors that were prepared. */
  readonly dimensions: number;
}

/**
 * Writes the rows of a prepared document in the tenant's open transaction, replacing what was there. Throws
 * `database_busy` where a vector has left the cache since, and what `writeRows` throws.
 */
export async function writeLarge(
  services: Services,
  transaction: Transaction,
  collection: Collection,
  { rows, dimensions, ...options }: LargeOptions,
): Promise<void> {
  const embedder = collectionEmbedder(services, collection);
  const space = { model: embedder.model, dimensions };
  for await (const slice of slicesOf(rows, dimensions)) {
    const texts = slice.map((row) => embeddedText(textOf(row)));
    const vectors =
      embedder.cacheable === false
        ? await embedAll(embedder, texts, { dimensions })
        : await readCachedVectors(transaction, collection.tenantId, { space, texts });
    const complete = slice.map((row, at): Row => {
      const embedding = vectors[at];
      if (embedding) return { ...row, embedding };
      throw new AppError(
        "database_busy",
        "A document was not written: a vector of it has left the cache since it was embedded. Try again.",
      );
    });
    await writeRows(transaction, collection, complete, options);
  }
}

function slicesOf(rows: readonly Row[], dimensions: number) {
  return sliceByBytes(rows, { bytesOf: ({ content }) => passageBytes(content, dimensions) });
}

function textOf({ content }: Row): string {
  return content ?? "";
}
