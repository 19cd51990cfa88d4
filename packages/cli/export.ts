import type { Database } from "@cairn/core/database/database.ts";
import type { Document, Passage } from "@cairn/core/document/document.ts";
import { joinPassages } from "@cairn/core/document/join.ts";
import { readVectors } from "@cairn/core/document/vectors.ts";

interface ExportOptions {
  readonly collection: string | undefined;
  readonly documents: readonly Document[];
  readonly vectors: boolean | undefined;
}

/**
 * Documents as `cairn ingest` takes them: the whole text next to the passages, and with `vectors` the vector of each
 * passage; that of the document where it is one passage.
 */
export async function exportDocuments(
  database: Database,
  tenantId: string,
  { collection, documents, vectors }: ExportOptions,
): Promise<readonly object[]> {
  const ids = documents.map(({ id }) => id);
  const found = vectors ? await readVectors(database, tenantId, { collection, ids }) : undefined;
  return documents.map(({ id, passages, metadata, uri, ...rest }) => {
    const given = passages.map((passage, at) => ({ ...passage, embedding: toArray(found?.get(id)?.[at]) }));
    const [first] = given;
    const embedding = given.length === 1 ? first?.embedding : undefined;
    return {
      id,
      content: textOf(passages),
      metadata,
      uri,
      ...(embedding ? { embedding } : {}),
      passages: given,
      ...rest,
    };
  });
}

/** The document's whole text; null where it has none. */
export function textOf(passages: readonly Passage[]): string | null {
  return passages.some(({ content }) => content !== null) ? joinPassages(passages) : null;
}

function toArray(vector: Float32Array | null | undefined): readonly number[] | undefined {
  return vector ? [...vector] : undefined;
}
