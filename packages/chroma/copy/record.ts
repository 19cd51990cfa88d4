import { chunkSizes } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { findVectorFault } from "@cairn/core/collection/vector-fault.ts";
import type { ChunkSizes } from "@cairn/core/database/collection-settings.ts";
import { chunkRanges } from "@cairn/core/document/chunk.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { MAX_PASSAGES } from "@cairn/core/document/split.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import type { Services } from "@cairn/core/services.ts";
import type { ExceptionReason } from "../report/report.ts";
import { MAX_RESPONSE_BYTES } from "../source/http.ts";
import type { SourceRecord } from "../source/source.ts";

/** The rules by which the records of one collection become rows. */
export interface CopyRules {
  readonly vectors: "copy" | "embed";
  readonly metric: Metric;
  /** Dimensions of the target; null: the first vector sets them. */
  readonly dimensions: number | null;
  /** How texts are split if they are embedded again. Default: `CHUNK_DEFAULTS`. */
  readonly chunking?: ChunkSizes;
}

/** The rules for a target as it is now. */
export function copyRules(
  { embedders }: Services,
  { vectors }: Pick<CopyRules, "vectors">,
  { metric, dimensions, chunking, embeddingModel }: Collection,
): CopyRules {
  const sizes = chunkSizes(chunking, textLimit(embedders, embeddingModel));
  return { vectors, metric, dimensions, chunking: sizes };
}

/** A record that no search can find by its vector, with the reason. */
export interface QuarantinedRecord {
  readonly id: string;
  readonly reason: ExceptionReason;
  readonly detail: string;
}

/** The reason why a record is quarantined; undefined if it is not. Its text is kept in any case. */
export function findQuarantineReason(record: SourceRecord, rules: CopyRules): QuarantinedRecord | undefined {
  const quarantine = (reason: ExceptionReason, detail: string) => ({ id: record.id, reason, detail });
  if (record.unreadable === "all")
    return quarantine("unreadable", "Chroma responds with 500 for this record. Only its id could be read.");
  if (record.unreadable === "too_large")
    return quarantine(
      "too_large",
      `Chroma's response for this record alone is larger than ${MAX_RESPONSE_BYTES / 1e6} MB. Only its id is kept.`,
    );
  if (rules.vectors === "embed")
    return record.document?.trim()
      ? undefined
      : quarantine("no_text", "The record has no text to embed. It is kept without a vector.");
  if (record.unreadable === "embedding")
    return quarantine(
      "vector_missing",
      "Chroma responds with 500 for the record's vector. The text is kept without a vector.",
    );
  const { embedding } = record;
  if (embedding === null)
    return quarantine("vector_null", "Chroma has no vector for the record. The text is kept without a vector.");
  const fault = findVectorFault(embedding, rules.metric);
  if (fault?.kind === "not_finite")
    return quarantine("vector_not_finite", "The vector contains NaN or infinity. The text is kept without a vector.");
  // A vector that is too short is copied unchanged: a search ranks it last, at the largest distance.
  if (fault && fault.kind !== "too_short")
    return quarantine(
      fault.kind === "zero" ? "vector_zero" : "vector_out_of_range",
      `The vector ${fault.description}. The text is kept without a vector.`,
    );
  if (rules.dimensions !== null && embedding.length !== rules.dimensions)
    return quarantine(
      "dimension_mismatch",
      `The vector has ${embedding.length} dimensions and the collection has ${rules.dimensions}. The text is kept without a vector.`,
    );
  return undefined;
}

/** The expected rows of a record. If texts are embedded again, the rows have no vectors yet. */
export async function expectedRows(
  record: SourceRecord,
  rules: CopyRules,
  fault: QuarantinedRecord | undefined,
): Promise<readonly Row[]> {
  const { id, document, uri } = record;
  const embedding = rules.vectors === "copy" && !fault ? record.embedding : null;
  const row = { id, metadata: record.metadata ?? {}, uri, chunk: 0, content: document, offset: 0, embedding };
  if (rules.vectors === "copy" || fault || document === null) return [row];
  const ranges = await chunkRanges(document, rules.chunking);
  // One passage, which the model then refuses: the record is kept and reported.
  if (ranges.length > MAX_PASSAGES) return [row];
  return ranges.map(({ start, end }, chunk) => ({
    ...row,
    chunk,
    content: document.slice(start, end),
    offset: start,
  }));
}
