import { PageTooLarge, type Source, type SourceCollection, type SourceRecord } from "./source.ts";

/** The records with these ids, in pages that are halved where they are too large. */
export async function* recordsInPages(
  source: Source,
  collection: SourceCollection,
  ids: readonly string[],
  options?: { readonly embeddings?: boolean },
): AsyncGenerator<ReadonlyMap<string, SourceRecord>> {
  if (ids.length === 0) return;
  let page: ReadonlyMap<string, SourceRecord>;
  try {
    page = await source.getRecords(collection, ids, options);
  } catch (error) {
    if (!(error instanceof PageTooLarge)) throw error;
    const middle = ids.length >> 1;
    yield* recordsInPages(source, collection, ids.slice(0, middle), options);
    yield* recordsInPages(source, collection, ids.slice(middle), options);
    return;
  }
  yield page;
}
