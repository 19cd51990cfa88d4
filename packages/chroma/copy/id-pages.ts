import type { PassContext } from "./page.ts";

/** Ids in one listing. Their records are then fetched by id, page by page, whatever their offset is by then. */
const MAX_LISTED_IDS = 6_000;

export interface IdPage {
  readonly ids: readonly string[];
  /** Offset of the next page, in the source's order. */
  readonly position: number;
}

export type IdPages = ReturnType<typeof createIdPages>;

/** The ids of the source from offset `start` on, in its order. The next ids are listed ahead. */
export function createIdPages(
  { source, collection, pageSize, limit }: Pick<PassContext, "source" | "collection" | "pageSize" | "limit">,
  start: number,
) {
  const window = Math.max(pageSize, Math.floor(MAX_LISTED_IDS / pageSize) * pageSize);
  const list = (offset: number) => {
    const listed = limit(() => source.listIds(collection, { offset, limit: window }));
    listed.catch(() => {}); // an error is thrown when it is awaited below
    return listed;
  };
  let offset = start;
  let next: Promise<readonly string[]> | undefined = list(start);
  let buffered: readonly string[] = [];
  return {
    /** The next ids, at most `size`; undefined at the end. */
    async take(size: number): Promise<IdPage | undefined> {
      if (buffered.length === 0 && next) {
        buffered = await next;
        next = buffered.length === window ? list(offset + window) : undefined;
      }
      if (buffered.length === 0) return undefined;
      const ids = buffered.slice(0, size);
      buffered = buffered.slice(ids.length);
      offset += ids.length;
      return { ids, position: offset };
    },
  };
}
