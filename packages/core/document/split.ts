import { ingestSizes } from "../collection/chunking.ts";
import type { Collection } from "../collection/collection.ts";
import type { Metric } from "../collection/metric.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import { stringifyJson } from "../database/json.ts";
import { textLimit } from "../embedding/text-limit.ts";
import type { Services } from "../services.ts";
import { nextTurn } from "../turn.ts";
import { passageBytes } from "./byte-slices.ts";
import { chunkRanges } from "./chunk.ts";
import type { NewDocument, Row } from "./document.ts";
import { findMetadataFault } from "./metadata.ts";
import type { Failure, PassageOptions } from "./passages.ts";
import { findWordFault } from "./word-limit.ts";

/** Passages that a document makes at most: its rows are replaced in one transaction. */
export const MAX_PASSAGES = 10_000;

/** Documents that are checked between two turns of the event loop: half a megabyte of metadata at most. */
const TURN = 8;

/** A document with its passages, not embedded yet unless its vector was given. */
export interface SplitDocument {
  readonly document: NewDocument & { readonly id: string };
  readonly texts: readonly (string | null)[];
  /** Where each begins in the document's text, in UTF-16 code units. */
  readonly offsets: readonly number[];
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
  const { metric, dimensions: own, embeddingModel, chunking } = collection;
  const dimensions = own ?? embedders.default?.dimensions ?? 0;
  const sizes = {
    ...ingestSizes(options, chunking, textLimit(embedders, embeddingModel)),
    signal: options.signal,
  };
  let count = 0;
  for (const document of documents) {
    if (++count % TURN === 0) await nextTurn();
    options.signal?.throwIfAborted();
    const { id, content, embedding } = document;
    const fault = findFault(document, metric);
    const text = content ?? "";
    const ranges = fault || embedding ? [{ start: 0, end: text.length }] : await chunkRanges(text, sizes);
    const texts = content === null ? [null] : ranges.map(({ start, end }) => text.slice(start, end));
    const problem =
      fault ?? tooMany(texts.length) ?? (embedding && (await findWordFault(database, collection, content)));
    if (problem !== undefined) {
      onFailure({ id, code: "invalid_input", message: problem });
      continue;
    }
    const size = embedding?.length ?? dimensions;
    const repeated = 2 * id.length + (document.metadata ? stringifyJson(document.metadata).length : 0);
    const bytes = texts.reduce((sum, one) => sum + passageBytes(one, size) + repeated, 0);
    yield { document, texts, offsets: ranges.map(({ start }) => start), bytes };
  }
}

/** The rows of a document, with the vectors of its passages where they are given. */
export function toRows(
  { document, texts, offsets }: SplitDocument,
  vectors: readonly Float32Array[] = [],
): readonly Row[] {
  return texts.map((content, chunk) => ({
    id: document.id,
    chunk,
    content,
    offset: offsets[chunk] ?? null,
    embedding: vectors[chunk] ?? null,
    metadata: document.metadata ?? {},
    uri: document.uri ?? null,
  }));
}

function findFault(
  { content, embedding, metadata }: SplitDocument["document"],
  metric: Metric,
): string | undefined {
  const unstorable = metadata && findMetadataFault(metadata);
  if (unstorable) return unstorable.message;
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
