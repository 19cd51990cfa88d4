import type { Source, SourceCollection } from "../../source/source.ts";

/** Ids in one request. */
const PAGE_SIZE = 2_000;

/** Ids that a page repeats from the one before, by which a deletion in between is noticed. */
const OVERLAP = 50;

/**
 * Yields the ids of a Chroma collection in pages, each id at least once, while records are added and deleted. Chroma lists by offset in
 * insertion order: a deletion moves the records after it forward, and a page would skip them. So each page repeats the end of the one
 * before, and is read from further ahead if it does not.
 */
export async function* listAllIds(source: Source, collection: SourceCollection): AsyncGenerator<readonly string[]> {
  let previous: readonly string[] = [];
  let position = 0;
  for (;;) {
    const page = await readAfter(source, collection, { previous, position });
    if (page.ids.length > 0) yield page.ids;
    if (page.isLast) return;
    previous = page.ids.length > 0 ? page.ids : previous;
    position = page.position;
  }
}

interface Listing {
  /** Ids after those of the page before. */
  readonly ids: readonly string[];
  /** The offset after them. */
  readonly position: number;
  readonly isLast: boolean;
}

/** Reads on from a position that deletions may have moved: from far enough ahead to meet an id of the page before. */
async function readAfter(
  source: Source,
  collection: SourceCollection,
  { previous, position }: { readonly previous: readonly string[]; readonly position: number },
): Promise<Listing> {
  const places = new Map(previous.map((id, place) => [id, place]));
  for (let back = Math.min(OVERLAP, position); ; back = Math.min(position, back * 8)) {
    const offset = position - back;
    const read = await source.listIds(collection, { offset, limit: PAGE_SIZE + back });
    const isLast = read.length < PAGE_SIZE + back;
    const known = read.findLastIndex((id) => places.has(id));
    if (known >= 0 || back === position) return { ids: read.slice(known + 1), position: offset + read.length, isLast };
  }
}
