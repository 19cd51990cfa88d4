import type { ChunkSizes } from "@cairn/core/collection/chunking.ts";
import type { Metric } from "@cairn/core/collection/metric.ts";
import { findVectorFault } from "@cairn/core/collection/vector-fault.ts";
import { chunkRanges } from "@cairn/core/document/chunk.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { MAX_PASSAGES } from "@cairn/core/document/split.ts";
import type { ExceptionReason } from "../report/report.ts";
import { MAX_ANSWER_BYTES } from "../source/http.ts";
import type { SourceRecord } from "../source/source.ts";

/** How the records of one collection become rows. */
export interface CopyRules {
  readonly vectors: "copy" | "embed";
  readonly metric: Metric;
  /** Of the target; null: the first vector decides. */
  readonly dimensions: number | null;
  /** How texts are split where they are embedded again. Default: `CHUNK_DEFAULTS`. */
  readonly chunking?: ChunkSizes;
}

export interface Quarantined {
  readonly id: string;
  readonly reason: ExceptionReason;
  readonly detail: string;
}

/** Why a record cannot be found by its vector in Postgres; undefined where it can. Its text is kept all the same. */
export function findFault(record: SourceRecord, rules: CopyRules): Quarantined | undefined {
  const aside = (reason: ExceptionReason, detail: string) => ({ id: record.id, reason, detail });
  if (record.unreadable === "all")
    return aside(
      "unreadable",
      "Chroma fails with a 500 for this record. Nothing of it but the id could be read.",
    );
  if (record.unreadable === "too_large")
    return aside(
      "too_large",
      `Chroma's answer for this record alone has more than ${MAX_ANSWER_BYTES / 1e6} MB. Nothing of it but the id was taken.`,
    );
  if (rules.vectors === "embed")
    return record.document?.trim()
      ? undefined
      : aside("no_text", "It has no text to embed. The record is kept, without a vector.");
  if (record.unreadable === "embedding")
    return aside(
      "vector_missing",
      "Chroma fails with a 500 for its vector. The text is kept, without a vector.",
    );
  const { embedding } = record;
  if (embedding === null)
    return aside("vector_null", "Chroma has no vector for it. The text is kept, without a vector.");
  const fault = findVectorFault(embedding, rules.metric);
  if (fault?.kind === "not_finite")
    return aside(
      "vector_not_finite",
      "Its vector holds NaN or infinity. The text is kept, without a vector.",
    );
  // A short one is copied as it is: search puts it last, as far away as can be.
  if (fault && fault.kind !== "too_short")
    return aside(
      fault.kind === "zero" ? "vector_zero" : "vector_out_of_range",
      `Its vector ${fault.says}. The text is kept, without a vector.`,
    );
  if (rules.dimensions !== null && embedding.length !== rules.dimensions)
    return aside(
      "dimension_mismatch",
      `Its vector has ${embedding.length} dimensions, the collection ${rules.dimensions}. The text is kept, without a vector.`,
    );
  return undefined;
}

/** The rows that a record should have in Postgres; where texts are embedded anew, still without their vectors. */
export async function expectedRows(
  record: SourceRecord,
  rules: CopyRules,
  fault: Quarantined | undefined,
): Promise<readonly Row[]> {
  const row = { id: record.id, metadata: record.metadata ?? {}, uri: record.uri };
  if (rules.vectors === "copy" || fault || record.document === null)
    return [
      {
        ...row,
        chunk: 0,
        content: record.document,
        offset: 0,
        embedding: rules.vectors === "copy" && !fault ? record.embedding : null,
      },
    ];
  const text = record.document;
  const ranges = await chunkRanges(text, rules.chunking);
  // As one passage, which the model then refuses: the record is kept and reported.
  if (ranges.length > MAX_PASSAGES) return [{ ...row, chunk: 0, content: text, offset: 0, embedding: null }];
  return ranges.map(({ start, end }, chunk) => ({
    ...row,
    chunk,
    content: text.slice(start, end),
    offset: start,
    embedding: null,
  }));
}
