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
 * Returns documents in the format that `cairn ingest` reads: the complete text next to the passages. With `vectors`, each
 * passage has its vector, and a document of one passage has it as its own `embedding` as well.
 */
export async function exportDocuments(
  database: Database,
  tenantId: string,
  { collection, documents, vectors }: ExportOptions,
): Promise<readonly object[]> {
  const ids = documents.map(({ id }) => id);
  const vectorsById = vectors ? await readVectors(database, tenantId, { collection, ids }) : undefined;
  return documents.map(({ id, passages, metadata, uri, ...rest }) => {
    const exported = passages.map((passage, index) => ({
      ...passage,
      embedding: toArray(vectorsById?.get(id)?.[index]),
    }));
    const [first] = exported;
    const embedding = exported.length === 1 ? first?.embedding : undefined;
    return {
      id,
      content: textOf(passages),
      metadata,
      uri,
      ...(embedding ? { embedding } : {}),
      passages: exported,
      ...rest,
    };
  });
}

/** The document's complete text; null if it has none. */
export function textOf(passages: readonly Passage[]): string | null {
  return passages.some(({ content }) => content !== null) ? joinPassages(passages) : null;
}

function toArray(vector: Float32Array | null | undefined): readonly number[] | undefined {
  return vector ? [...vector] : undefined;
}
