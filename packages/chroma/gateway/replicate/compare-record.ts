import { compareRows, compareVectors, TOLERANCE } from "../../copy/compare.ts";
import { type CopyRules, expectedRows, findQuarantineReason } from "../../copy/record.ts";
import type { StoredRow } from "../../copy/stored.ts";
import { chromaAttributes } from "../../server/collection/stored.ts";
import type { SourceRecord } from "../../source/source.ts";
import { toHeldMetadata } from "../../target/metadata.ts";
import type { TargetRecord } from "../../target/target.ts";
import type { CollectionPair } from "./context.ts";

/**
 * What makes a record of Chroma equal to a document of Cairn. `update`: the vector is equal, and need not be sent. `replace`: a
 * text or a URI is removed, which Chroma does only by deleting the record.
 */
export type RecordWrite =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "upsert" | "update" | "replace"; readonly record: TargetRecord };

const NONE: RecordWrite = { kind: "none" };

/** Compares a document of one passage with its record. Undefined: Chroma has none. */
export async function compareRecord(
  pair: CollectionPair,
  id: string,
  { stored, record }: { readonly stored: StoredRow; readonly record: SourceRecord | undefined },
): Promise<RecordWrite> {
  const held = toHeldMetadata(stored.metadata);
  if ("fault" in held) return { kind: "refused", detail: held.fault };
  if (record?.unreadable === "too_large") return { kind: "refused", detail: TOO_LARGE };
  const current = { ...stored, metadata: held.metadata };
  const written: TargetRecord = {
    id,
    document: stored.content,
    uri: stored.uri,
    metadata: held.metadata,
    embedding: vectorInChroma(pair, stored),
    removedKeys: Object.keys(record?.metadata ?? {}).filter((key) => !Object.hasOwn(held.metadata, key)),
  };
  if (!record) return written.embedding ? checkSize(pair, written, "upsert") : { kind: "refused", detail: NO_VECTOR };
  return compareExisting(pair, { written, current, record });
}

interface Versions {
  readonly written: TargetRecord;
  readonly current: StoredRow;
  readonly record: SourceRecord;
}

async function compareExisting(pair: CollectionPair, { written, current, record }: Versions): Promise<RecordWrite> {
  const rules: CopyRules = { vectors: "copy", metric: pair.cairn.metric, dimensions: pair.cairn.dimensions };
  // A vector that Cairn cannot search is missing in Cairn. Chroma keeps it.
  const rows = await expectedRows(record, rules, findQuarantineReason(record, rules));
  if (!compareRows(rows, [current], rules)) return NONE;
  const tolerance = rules.metric === "cosine" ? TOLERANCE : 0;
  const isSameVector = compareVectors(rows[0]?.embedding ?? null, current.embedding).largest <= tolerance;
  const embedding = isSameVector ? (written.embedding ?? record.embedding) : written.embedding;
  const removes =
    (record.document !== null && written.document === null) || (record.uri !== null && written.uri === null);
  if (isSameVector && !removes) return { kind: "update", record: { ...written, embedding } };
  if (embedding === null) return { kind: "refused", detail: NO_VECTOR };
  return checkSize(pair, { ...written, embedding }, removes ? "replace" : "upsert");
}

/** The document's vector. Under cosine, a zero vector is stored as none, see `checkVectors`. */
function vectorInChroma({ cairn, chroma }: CollectionPair, { embedding }: StoredRow): Float32Array | null {
  if (embedding !== null || cairn.metric !== "cosine") return embedding;
  const dimensions = cairn.dimensions ?? chroma.dimensions;
  const hasZeros = chromaAttributes(cairn.attributes).zeroVectors === true;
  return hasZeros && dimensions !== null ? new Float32Array(dimensions) : null;
}

/** Refuses a vector of another size without a request. */
function checkSize({ chroma }: CollectionPair, record: TargetRecord, kind: "upsert" | "replace"): RecordWrite {
  const { length = 0 } = record.embedding ?? {};
  if (chroma.dimensions === null || chroma.dimensions === length) return { kind, record };
  const detail = `The vector has ${length} dimensions, and Chroma's collection has ${chroma.dimensions}.`;
  return { kind: "refused", detail };
}

const NO_VECTOR = "The document has no vector, and Chroma accepts no record without one.";
const TOO_LARGE = "Chroma's response for the record is too large to be compared.";
