import { ingestSizes } from "../collection/chunking.ts";
import type { Collection } from "../collection/collection.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import { stringifyJson } from "../database/json.ts";
import { textLimit } from "../embedding/text-limit.ts";
import type { Metric } from "../index/metric.ts";
import { headingsAt } from "../markdown/headings.ts";
import type { Services } from "../services.ts";
import { nextTurn } from "../turn.ts";
import { passageBytes } from "./byte-slices.ts";
import { chunkRanges } from "./chunk.ts";
import type { NewDocument, Row } from "./document.ts";
import { findMetadataFault } from "./metadata.ts";
import type { Failure, PassageOptions } from "./passages.ts";
import { findTsvectorFault } from "./tsvector-limit.ts";

/** Maximum passages of a document. There is a limit because its rows are replaced in one transaction. */
export const MAX_PASSAGES = 10_000;

/** Documents that are checked in one time slice: at most half a megabyte of metadata. */
const SLICE_DOCUMENTS = 8;

/** A document with its passages. They are not embedded yet, unless the document has a vector. */
export interface SplitDocument {
  readonly document: NewDocument & { readonly id: string };
  readonly texts: readonly (string | null)[];
  /** Start of each passage in the document's text, in UTF-16 code units. */
  readonly offsets: readonly number[];
  /** The headings above the start of each passage. */
  readonly headings: readonly (readonly string[])[];
  /** Approximate size with its vectors. */
  readonly bytes: number;
}

/** The documents, split one by one on demand. Documents that cannot be written are reported to `onFailure`. */
export async function* splitDocuments(
  { database, embedders }: Services,
  collection: Collection,
  documents: Iterable<SplitDocument["document"]>,
  { onFailure, ...options }: PassageOptions & { readonly onFailure: (failure: Failure) => void },
): AsyncGenerator<SplitDocument> {
  const { metric, dimensions: collectionDimensions, embeddingModel, chunking } = collection;
  const dimensions = collectionDimensions ?? embedders.default?.dimensions ?? 0;
  const sizes = {
    ...ingestSizes(options, chunking, textLimit(embedders, embeddingModel)),
    signal: options.signal,
  };
  let count = 0;
  for (const document of documents) {
    if (++count % SLICE_DOCUMENTS === 0) await nextTurn();
    options.signal?.throwIfAborted();
    const { id, content, embedding } = document;
    const fault = findFault(document, metric);
    const text = content ?? "";
    const ranges = fault || embedding ? [{ start: 0, end: text.length }] : await chunkRanges(text, sizes);
    const texts = content === null ? [null] : ranges.map(({ start, end }) => text.slice(start, end));
    const problem =
      fault ??
      findPassageCountFault(texts.length) ??
      (embedding && (await findTsvectorFault(database, collection, content)));
    if (problem !== undefined) {
      onFailure({ id, code: "invalid_input", message: problem });
      continue;
    }
    const size = embedding?.length ?? dimensions;
    const bytesPerRow = 2 * id.length + (document.metadata ? stringifyJson(document.metadata).length : 0);
    const bytes = texts.reduce((sum, part) => sum + passageBytes(part, size) + bytesPerRow, 0);
    const offsets = ranges.map(({ start }) => start);
    const headings = document.format === "markdown" ? headingsAt(text, offsets) : [];
    yield { document, texts, offsets, headings, bytes };
  }
}

/** The rows of a document, with the vectors of its passages if they are given. */
export function toRows(
  { document, texts, offsets, headings }: SplitDocument,
  vectors: readonly Float32Array[] = [],
): readonly Row[] {
  return texts.map((content, chunk) => ({
    id: document.id,
    chunk,
    content,
    offset: offsets[chunk] ?? null,
    headings: headings[chunk],
    embedding: vectors[chunk] ?? null,
    metadata: document.metadata ?? {},
    uri: document.uri ?? null,
  }));
}

function findFault({ content, embedding, metadata }: SplitDocument["document"], metric: Metric): string | undefined {
  const metadataFault = metadata && findMetadataFault(metadata);
  if (metadataFault) return metadataFault.message;
  if (embedding) {
    const fault = findVectorFault(embedding, metric);
    return fault && `Its vector ${fault.description}.`;
  }
  if (content === null) return "It cannot be embedded: it has no text. Give its text or its vector.";
  if (content.trim() === "") return "It cannot be embedded: its text is empty. Give a text or a vector.";
  return undefined;
}

function findPassageCountFault(passages: number): string | undefined {
  if (passages <= MAX_PASSAGES) return undefined;
  return `It cannot be written: its text makes ${passages} passages, and a document has at most ${MAX_PASSAGES}. Use larger passages or less overlap, or split the document.`;
}
