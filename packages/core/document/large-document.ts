import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import type { Transaction } from "../database/database.ts";
import { readCachedVectors } from "../embedding/cache.ts";
import { embedAll } from "../embedding/embed-all.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { MAX_SLICE_BYTES, MAX_SLICE_PASSAGES, passageBytes, sliceByBytes } from "./byte-slices.ts";
import type { Row } from "./document.ts";
import { embeddedDimensions, embeddedText, embedGroups } from "./passages.ts";
import { type WriteOptions, writeRows } from "./write.ts";

// A document's passages are replaced in one transaction, but their vectors may not fit into memory. They are therefore
// embedded slice by slice into the tenant's embedding cache first, and read from the cache when the rows are written.

/** Whether a document is so large that it is embedded and written slice by slice. */
export function isLargeDocument(passages: number, bytes: number): boolean {
  return passages > MAX_SLICE_PASSAGES || bytes > MAX_SLICE_BYTES;
}

/**
 * Embeds a document's rows into the tenant's embedding cache. Returns the reason if a row has no vector; undefined: all
 * rows have one. Throws the embedder's errors.
 */
export async function embedLargeDocument(
  services: Services,
  collection: Collection,
  rows: readonly Row[],
  signal?: AbortSignal,
): Promise<AppError | undefined> {
  if (collectionEmbedder(services, collection).cacheable === false) return undefined; // embedded when they are written
  for await (const slice of slicesOf(rows, embeddedDimensions(services, collection))) {
    const [vectors] = await embedGroups(services, collection, [slice.map(textOf)], signal);
    if (vectors instanceof AppError) return vectors;
  }
  return undefined;
}

export interface LargeDocumentOptions extends WriteOptions {
  readonly rows: readonly Row[];
  /** Dimensions of the cached vectors. */
  readonly dimensions: number;
}

/**
 * Writes the rows of a document that `embedLargeDocument` has embedded, in the tenant's open transaction, and replaces the
 * existing document. Throws `database_busy` if a vector is no longer cached, and the errors of `writeRows`.
 */
export async function writeLargeDocument(
  services: Services,
  transaction: Transaction,
  collection: Collection,
  { rows, dimensions, ...options }: LargeDocumentOptions,
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
        "The document cannot be written: one of its vectors was removed from the cache after it was embedded. Try again.",
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
