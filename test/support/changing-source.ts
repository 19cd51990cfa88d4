import type { Source } from "@cairn/chroma/source/source.ts";
import { openTestSource } from "./migration.ts";

/** The real source, which calls `before` with its number before every fetch of records. */
export async function openHookedSource(url: string, before: (fetches: number) => unknown): Promise<Source> {
  const source = await openTestSource(url);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      await before(++fetches);
      return source.getRecords(...call);
    },
  };
}

export interface SourceChange {
  readonly change: () => Promise<unknown>;
  /** The change happens before this fetch of records with their vectors. The first is 1. */
  readonly nth: number;
  /** Counts only the fetches of this collection. */
  readonly only?: { readonly name: string };
}

/** The real source, whose server changes during the copy. */
export async function openChangingSource(url: string, { change, nth, only }: SourceChange): Promise<Source> {
  const source = await openTestSource(url);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      const counts = only === undefined || call[0].name === only.name;
      if (counts && ++fetches === nth) await change();
      return source.getRecords(...call);
    },
  };
}
