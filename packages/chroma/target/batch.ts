import { stringifyJson } from "@cairn/core/database/json.ts";
import type { TargetRecord } from "./target.ts";

/** Limits of one request. */
export interface BatchLimits {
  /** Maximum records. */
  readonly records: number;
  /** Maximum bytes of the body. A single record may exceed it. */
  readonly bytes: number;
}

/** A record as the JSON of its fields. */
export interface EncodedRecord {
  readonly id: string;
  readonly ids: string;
  readonly embeddings: string;
  readonly documents: string;
  readonly metadatas: string;
  readonly uris: string;
}

const FIELDS = ["ids", "embeddings", "documents", "metadatas", "uris"] as const;

/** The JSON of a record. `base64`: the server reads vectors in base64, which is exact and a third of the size. */
function encodeRecord(record: TargetRecord, base64: boolean): EncodedRecord {
  const { id, embedding, document, uri } = record;
  return {
    id,
    ids: JSON.stringify(id),
    embeddings: embedding === null ? "null" : base64 ? base64Json(embedding) : `[${embedding.join()}]`,
    documents: JSON.stringify(document),
    metadatas: metadataJson(record),
    uris: JSON.stringify(uri),
  };
}

/** Little-endian 32-bit floats, as all platforms that run Node have them. */
function base64Json({ buffer, byteOffset, byteLength }: Float32Array): string {
  return `"${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}"`;
}

/** A null removes a key. */
function metadataJson({ metadata, removedKeys }: TargetRecord): string {
  const entries = [...Object.entries(metadata), ...removedKeys.map((key) => [key, null] as const)];
  return entries.length === 0 ? "null" : stringifyJson(Object.fromEntries(entries));
}

/** The body of a request. */
export function batchJson(records: readonly EncodedRecord[]): string {
  return `{${FIELDS.map((field) => `"${field}":[${records.map((record) => record[field]).join()}]`).join()}}`;
}

/** Divides records into batches within the limits, in order. Records are encoded when their batch is taken. */
export function* toBatches(
  records: readonly TargetRecord[],
  { limits, base64 }: { readonly limits: () => BatchLimits; readonly base64: boolean },
): Generator<readonly EncodedRecord[]> {
  let batch: EncodedRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const encoded = encodeRecord(record, base64);
    const size = sizeOf(encoded);
    const { records: maxRecords, bytes: maxBytes } = limits();
    if (batch.length > 0 && (batch.length >= maxRecords || bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(encoded);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function sizeOf(record: EncodedRecord): number {
  return FIELDS.reduce((sum, field) => sum + Buffer.byteLength(record[field]) + 1, 0);
}
