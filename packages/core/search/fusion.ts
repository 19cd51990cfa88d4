/** Reciprocal rank fusion's constant. Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009. */
const K = 60;

export interface Fused<T> {
  readonly item: T;
  /** 1-based rank in each list. Null if the list does not contain the item. */
  readonly ranks: readonly (number | null)[];
  /** 0 to 1. 1: the item is first in every list. */
  readonly score: number;
}

/** Merges ranked lists into one, best first: an item's score is the sum of 1 / (60 + rank) over the lists that contain it. */
export function fuse<T>(lists: readonly (readonly T[])[], identify: (item: T) => string): readonly Fused<T>[] {
  const fused = new Map<string, { item: T; ranks: (number | null)[] }>();
  for (const [list, items] of lists.entries())
    for (const [index, item] of items.entries()) {
      const id = identify(item);
      const entry = fused.get(id) ?? { item, ranks: lists.map(() => null) };
      entry.ranks[list] = index + 1;
      fused.set(id, entry);
    }
  const maxScore = lists.length / (K + 1);
  return [...fused.values()]
    .map(({ item, ranks }) => ({ item, ranks, score: sum(ranks) / maxScore }))
    .sort((a, b) => b.score - a.score);
}

function sum(ranks: readonly (number | null)[]): number {
  return ranks.reduce<number>((total, rank) => (rank === null ? total : total + 1 / (K + rank)), 0);
}
