import { PageTooLarge, type RecordOptions, type Source, type SourceCollection, type SourceRecord } from "./source.ts";

/** Yields the records with these ids, in pages that are halved if they are too large. */
export async function* readRecordPages(
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  options?: Pick<RecordOptions, "embeddings">,
): AsyncGenerator<ReadonlyMap<string, SourceRecord>> {
  let size = ids.length;
  for (let at = 0; at < ids.length; ) {
    const page = ids.slice(at, at + size);
    const records = await readPage(source, collection, page, options);
    if (records) {
      at += page.length;
      yield records;
    } else size = page.length >> 1;
  }
}

/** The records of one page; undefined if there are several and their response is too large. */
async function readPage(
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  options?: Pick<RecordOptions, "embeddings">,
): Promise<ReadonlyMap<string, SourceRecord> | undefined> {
  try {
    return await source.getRecords(collection, ids, options);
  } catch (error) {
    if (!(error instanceof PageTooLarge)) throw error;
    return ids.length > 1 ? undefined : source.getRecords(collection, ids, { ...options, allowLarge: true });
  }
}
