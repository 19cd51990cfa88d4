import type { JsonObject } from "../database/json.ts";

// A record is a document with one passage and with a vector from its caller, as vector databases have it.

/** A record to add, or what changes of an existing one. */
export interface RecordInput {
  readonly id: string;
  /** Vector of the collection's dimensions; null: none, so that no search finds the record. Undefined keeps the existing one. */
  readonly embedding?: Float32Array | null;
  /** Null keeps the existing text. */
  readonly content: string | null;
  /** Null keeps the existing URI. */
  readonly uri: string | null;
  /** Values that are set. Other values of the existing metadata are kept. */
  readonly metadata: JsonObject;
  /** Keys that are deleted from the existing metadata. */
  readonly removedKeys: readonly string[];
}

/** One input for each id: later ones change what earlier ones set. */
export function foldRecords(records: readonly RecordInput[]): readonly RecordInput[] {
  const byId = new Map<string, RecordInput>();
  for (const record of records) {
    const earlier = byId.get(record.id);
    byId.set(record.id, earlier ? mergeInputs(earlier, record) : record);
  }
  return byId.size === records.length ? records : [...byId.values()];
}

function mergeInputs(earlier: RecordInput, later: RecordInput): RecordInput {
  const removed = new Set(later.removedKeys);
  const kept = Object.entries(earlier.metadata).filter(([key]) => !removed.has(key));
  return {
    id: later.id,
    embedding: later.embedding === undefined ? earlier.embedding : later.embedding,
    content: later.content ?? earlier.content,
    uri: later.uri ?? earlier.uri,
    metadata: { ...Object.fromEntries(kept), ...later.metadata },
    removedKeys: [...earlier.removedKeys.filter((key) => !Object.hasOwn(later.metadata, key)), ...later.removedKeys],
  };
}

/** The first input of each id. */
export function firstOfEachId(records: readonly RecordInput[]): readonly RecordInput[] {
  const byId = new Map<string, RecordInput>();
  for (const record of records) if (!byId.has(record.id)) byId.set(record.id, record);
  return byId.size === records.length ? records : [...byId.values()];
}
