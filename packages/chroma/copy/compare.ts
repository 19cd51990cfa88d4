import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import type { Row } from "@cairn/core/document/document.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import type { DifferenceKind } from "../report/report.ts";
import type { StoredRow } from "./stored.ts";

/** Chroma returns the vectors of a cosine collection scaled, within this tolerance. Other vectors are returned bit by bit. */
export const TOLERANCE = 1e-5;

export interface VectorDifference {
  /** Largest difference of one element. 0: equal bit by bit. Infinity: sizes differ, or one vector is missing. */
  readonly largest: number;
  readonly exact: boolean;
}

export interface RecordDifference {
  readonly kind: DifferenceKind;
  readonly detail: string;
}

/**
 * The difference between the expected and the stored rows of a record; undefined if there is none. `kind` is the kind of
 * the first difference, and `detail` names one difference of each kind. The vector is compared last, because a record
 * that differs only in its vector may be one that cannot be embedded.
 */
export function compareRows(
  expected: readonly Row[],
  stored: readonly StoredRow[],
  { vectors, metric }: { readonly vectors: "copy" | "embed"; readonly metric: Metric },
): RecordDifference | undefined {
  if (stored.length === 0) return { kind: "missing", detail: "The record is in Chroma and not in Cairn." };
  if (stored.length !== expected.length)
    return {
      kind: "content",
      detail: `The record has ${stored.length} passages instead of ${expected.length}.`,
    };
  const tolerance = metric === "cosine" ? TOLERANCE : 0;
  const compareVector: Compare = (row, stored) => compareCopied(row, stored, tolerance);
  const comparisons = [
    compareContent,
    compareMetadata,
    compareUri,
    vectors === "copy" ? compareVector : compareEmbedded,
  ];
  const differences = comparisons.flatMap((compare) => firstDifference(compare, expected, stored));
  const [first] = differences;
  return first && { kind: first.kind, detail: differences.map(({ detail }) => detail).join(" ") };
}

type Compare = (row: Row, stored: StoredRow) => RecordDifference | undefined;

function firstDifference(
  compare: Compare,
  expected: readonly Row[],
  stored: readonly StoredRow[],
): readonly RecordDifference[] {
  for (const [index, row] of expected.entries()) {
    const difference = compare(row, stored[index] as StoredRow);
    if (difference) return [difference];
  }
  return [];
}

function compareContent(row: Row, stored: StoredRow): RecordDifference | undefined {
  if (row.content === stored.content || isLegacyForm(row, stored)) return undefined;
  return { kind: "content", detail: describeText(row.content, stored.content) };
}

function compareMetadata(row: Row, stored: StoredRow): RecordDifference | undefined {
  if (canonicalJson(row.metadata) === canonicalJson(stored.metadata)) return undefined;
  return { kind: "metadata", detail: describeKeys(row.metadata, stored.metadata) };
}

function compareUri(row: Row, stored: StoredRow): RecordDifference | undefined {
  return row.uri === stored.uri ? undefined : { kind: "uri", detail: "The URIs differ." };
}

/** Whether a row was stored by an earlier version, which kept no offset and trimmed the passages of long texts. */
function isLegacyForm(row: Row, stored: StoredRow): boolean {
  return row.embedding === null && stored.offset == null && row.content?.trim() === stored.content;
}

function compareEmbedded({ content }: Row, { embedding }: StoredRow): RecordDifference | undefined {
  if (embedding || !content?.trim()) return undefined;
  return { kind: "vector", detail: "The record has text and no vector." };
}

function compareCopied(row: Row, stored: StoredRow, tolerance: number): RecordDifference | undefined {
  const { largest } = compareVectors(row.embedding, stored.embedding);
  return largest <= tolerance
    ? undefined
    : { kind: "vector", detail: describeVector(row.embedding, stored.embedding, largest) };
}

/** The largest difference of two vectors in one element, relative for elements above 1. */
export function compareVectors(a: Float32Array | null, b: Float32Array | null): VectorDifference {
  if (a === null && b === null) return { largest: 0, exact: true };
  if (a === null || b === null || a.length !== b.length) return { largest: Number.POSITIVE_INFINITY, exact: false };
  let largest = 0;
  let exact = true;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    if (Object.is(x, y)) continue;
    exact = false;
    const difference = Math.abs(x - y) / Math.max(1, Math.abs(x));
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return { largest, exact };
}

/** Describes sizes and positions only, because a report contains no text of a document. */
function describeText(source: string | null, stored: string | null): string {
  if (source === null || stored === null)
    return `The text is ${source === null ? "missing in Chroma" : "missing in Cairn"} only.`;
  let at = 0;
  while (at < source.length && source[at] === stored[at]) at++;
  return `The texts differ from character ${at} on (${source.length} characters in Chroma, ${stored.length} in Cairn).`;
}

/** Names the keys that differ, never their values. */
export function describeKeys(source: JsonObject, stored: JsonObject): string {
  const keys = [...new Set([...Object.keys(source), ...Object.keys(stored)])];
  const differing = keys.filter((key) => canonicalJson(source[key] ?? null) !== canonicalJson(stored[key] ?? null));
  return `Metadata differs at ${differing
    .slice(0, 5)
    .map((key) => JSON.stringify(key))
    .join(", ")}${differing.length > 5 ? ", …" : ""}.`;
}

function describeVector(source: Float32Array | null, stored: Float32Array | null, largest: number): string {
  if (source === null || stored === null)
    return `The vector is missing in ${source === null ? "Chroma" : "Cairn"} only.`;
  if (source.length !== stored.length)
    return `The vector has ${source.length} dimensions in Chroma and ${stored.length} in Cairn.`;
  return `The vectors differ by up to ${largest.toExponential(2)} in one element.`;
}
