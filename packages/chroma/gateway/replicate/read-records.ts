import { PageTooLarge, type Source, type SourceCollection, type SourceRecord } from "../../source/source.ts";

/**
 * Reads the records with these ids and calls `use` for each part of the ids whose response fits into memory, in order. Ids that
 * Chroma cannot have are not sent.
 */
export async function withRecords(
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  use: (ids: readonly string[], records: ReadonlyMap<string, SourceRecord>) => Promise<void>,
): Promise<void> {
  const sent = ids.filter((id) => isChromaId(id));
  try {
    const options = { allowLarge: sent.length === 1 };
    const records = sent.length === 0 ? new Map() : await source.getRecords(collection, sent, options);
    return await use(ids, records);
  } catch (error) {
    if (!(error instanceof PageTooLarge) || ids.length === 1) throw error;
  }
  const middle = ids.length >> 1;
  await withRecords(source, collection, ids.slice(0, middle), use);
  await withRecords(source, collection, ids.slice(middle), use);
}

/** Whether Chroma can have a record of this id: it refuses empty ids and half a surrogate pair. */
export function isChromaId(id: string): boolean {
  return id !== "" && id.isWellFormed();
}
