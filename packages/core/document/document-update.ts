import type { JsonObject } from "../database/json.ts";
import { AppError } from "../error.ts";
import { findMetadataFault } from "./metadata.ts";

/** What changes of a document. At least one field must be given. */
export interface DocumentUpdate {
  readonly id: string;
  /** Values to set, key by key. Null deletes a key, and other keys stay. Default: unchanged. */
  readonly metadata?: JsonObject;
  /** Null removes it. Default: unchanged. */
  readonly uri?: string | null;
}

/** The path of a field in the caller's input, by the document's index from 0. */
export type PathOf = (index: number, field: string) => string;

/** All updates of a document together. */
export interface FoldedUpdate extends DocumentUpdate {
  /** The path of a field of the document's last update. */
  readonly pathOf: (field: string) => string;
}

/** One update for each document: later ones change what earlier ones set. Throws `invalid_input` for an update without a change. */
export function foldUpdates(updates: readonly DocumentUpdate[], pathOf: PathOf): readonly FoldedUpdate[] {
  const byId = new Map<string, FoldedUpdate>();
  for (const [index, update] of updates.entries()) {
    const { id, metadata, uri } = update;
    if (metadata === undefined && uri === undefined)
      throw cannotUpdate(id, "It has neither metadata nor a URI. Give one of them.", pathOf(index, "metadata"));
    const earlier = byId.get(id);
    byId.set(id, {
      id,
      metadata: metadata && earlier?.metadata ? { ...earlier.metadata, ...metadata } : (metadata ?? earlier?.metadata),
      uri: uri === undefined ? earlier?.uri : uri,
      pathOf: (field) => pathOf(index, field),
    });
  }
  return [...byId.values()];
}

/** The metadata after an update. Throws `invalid_input` if it cannot be stored. */
export function mergeMetadata(stored: JsonObject, { id, metadata = {}, pathOf }: FoldedUpdate): JsonObject {
  const isDeleted = (key: string) => Object.hasOwn(metadata, key) && metadata[key] === null;
  const merged = Object.fromEntries(Object.entries({ ...stored, ...metadata }).filter(([key]) => !isDeleted(key)));
  const fault = findMetadataFault(merged);
  if (fault) throw cannotUpdate(id, fault.message, pathOf(fault.path));
  return merged;
}

function cannotUpdate(id: string, reason: string, path: string): AppError {
  return new AppError("invalid_input", `Document ${JSON.stringify(id.slice(0, 80))} cannot be updated. ${reason}`, {
    path,
  });
}
