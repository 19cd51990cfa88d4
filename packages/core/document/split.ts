import type { Collection } from "../collection/collection.ts";
import type { Metric } from "../collection/metric.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import type { Services } from "../services.ts";
import { passageBytes } from "./byte-slices.ts";
import { chunkText } from "./chunk.ts";
import type { NewDocument, Row } from "./document.ts";
import type { Failure, PassageOptions } from "./passages.ts";
import { findWordFault } from "./word-limit.ts";

/** Passages that a document makes at most: its rows are replaced in one transaction. */
export const MAX_PASSAGES = 10_000;

/** A document with its passages, not embedded yet unless its vector was given. */
export interface SplitDocument {
  readonly document: NewDocument & { readonly id: string };
  readonly texts: readonly (string | null)[];
  /** What it takes with its vectors, about. */
  readonly bytes: number;
}

/** Splits documents one by one, as they are needed. Those that cannot be taken are left to `onFailure`. */
export async function* splitDocuments(
  { database, embedders }: Services,
  collection: Collection,
  documents: Iterable<SplitDocument["document"]>,
  { onFailure, ...options }: PassageOptions & { readonly onFailure: (failure: Failure) => void },
): AsyncGenerator<SplitDocument> {
  const { metric, dimensions: own } = collection;
  const dimensions = own ?? embedders.default?.dimensions ?? 0;
  for (const document of documents) {
    options.signal?.throwIfAborted();
    const { id, content, embedding } = document;
    const fault = findFault(document, metric);
    const texts = fault || embedding ? [content] : await chunkText(content ?? "", options);
    const problem =
      fault ?? tooMany(texts.length) ?? (embedding && (await findWordFault(database, collection, content)));
    if (problem !== undefined) {
      onFailure({ id, code: "invalid_input", message: problem });
      continue;
    }
    const size = embedding?.length ?? dimensions;
    const bytes = texts.reduce((sum, text) => sum + passageBytes(text, size), 0);
    yield { document, texts, bytes };
  }
}

/** The rows of a document, with the vectors of its passages where they are given. */
export function toRows(
  { document, texts }: SplitDocument,
  vectors: readonly Float32Array[] = [],
): readonly Row[] {
  return texts.map((content, chunk) => ({
    id: document.id,
    chunk,
    content,
    embedding: vectors[chunk] ?? null,
    metadata: document.metadata ?? {},
    uri: document.uri ?? null,
  }));
}

function findFault({ content, embedding }: SplitDocument["document"], metric: Metric): string | undefined {
  if (embedding) {
    const fault = findVectorFault(embedding, metric);
    return fault && `Its vector ${fault.says}.`;
  }
  if (content === null) return "It has no text to embed. Give its text or its vector.";
  if (content.trim() === "") return "Its text is empty. Give some text or a vector.";
  return undefined;
}

function tooMany(passages: number): string | undefined {
  if (passages <= MAX_PASSAGES) return undefined;
  return `Its text makes ${passages} passages, and a document has at most ${MAX_PASSAGES}. Give larger passages or less overlap, or divide the document.`;
}
