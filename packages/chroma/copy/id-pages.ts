import type { PageSource } from "./page.ts";

/** Ids that are listed at once; then they are fetched by id, page by page, wherever they lie by then. */
const WINDOW = 6_000;

export interface IdPage {
  readonly ids: readonly string[];
  /** Where the next page begins, in the source's order. */
  readonly position: number;
}

export interface IdPages {
  /** The next ids, `size` at most; undefined at the end. */
  take(size: number): Promise<IdPage | undefined>;
}

/** The ids of the source from a position on, in its order; the next ones are listed meanwhile. */
export function createIdPages(
  { source, collection, pageSize, limit }: Pick<PageSource, "source" | "collection" | "pageSize" | "limit">,
  start: number,
): IdPages {
  const window = Math.max(pageSize, Math.floor(WINDOW / pageSize) * pageSize);
  const list = (offset: number) => {
    const listed = limit(() => source.listIds(collection, { offset, limit: window }));
    listed.catch(() => {}); // awaited below
    return listed;
  };
  let offset = start;
  let next: Promise<readonly string[]> | undefined = list(start);
  let left: readonly string[] = [];
  async function fill(): Promise<void> {
    if (left.length > 0 || !next) return;
    left = await next;
    next = left.length === window ? list(offset + window) : undefined;
  }
  return {
    async take(size) {
      await fill();
      if (left.length === 0) return undefined;
      const ids = left.slice(0, size);
      left = left.slice(ids.length);
      offset += ids.length;
      return { ids, position: offset };
    },
  };
}
