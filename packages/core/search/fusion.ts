/** Reciprocal rank fusion's constant. Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009. */
const K = 60;

export interface Fused<T> {
  readonly item: T;
  /** 1-based place in each list, null where it is missing. */
  readonly ranks: readonly (number | null)[];
  /** 0 to 1: 1 for what is first in every list. */
  readonly score: number;
}

/** Merges ranked lists into one, best first: an item's score is the sum of 1 / (60 + rank) over the lists that have it. */
export function fuse<T>(
  lists: readonly (readonly T[])[],
  identify: (item: T) => string,
): readonly Fused<T>[] {
  const fused = new Map<string, { item: T; ranks: (number | null)[] }>();
  for (const [list, items] of lists.entries())
    for (const [index, item] of items.entries()) {
      const id = identify(item);
      const known = fused.get(id) ?? { item, ranks: lists.map(() => null) };
      known.ranks[list] = index + 1;
      fused.set(id, known);
    }
  const best = lists.length / (K + 1);
  return [...fused.values()]
    .map(({ item, ranks }) => ({ item, ranks, score: sum(ranks) / best }))
    .sort((a, b) => b.score - a.score);
}

function sum(ranks: readonly (number | null)[]): number {
  return ranks.reduce<number>((total, rank) => (rank === null ? total : total + 1 / (K + rank)), 0);
}
