import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { joinExactly } from "../document/join.ts";
import { findHeadings } from "../markdown/headings.ts";
import { type NeighborRow, readNeighbors } from "./expand-rows.ts";
import type { Expansion } from "./expansion.ts";
import type { Hit, MatchedRange } from "./hit.ts";
import type { FoundHit } from "./to-hits.ts";

/** Maximum bytes of the text around a hit, its own passage included. */
const MAX_EXPANDED_BYTES = 100_000;

interface ExpandOptions {
  readonly expand: Expansion;
  /** Maximum bytes of texts and metadata of all hits. */
  readonly maxBytes: number;
}

/**
 * The hits of each query with the text around their passages as content. Overlaps of passages occur once, because the text
 * is joined by the stored offsets. Hits of one document whose texts overlap become one: the better one, with the text of
 * both. A hit whose offsets are not known keeps its passage. Reads the passages in one statement.
 */
export async function expandHits(
  database: Database,
  collection: Collection,
  { found, expand, maxBytes }: ExpandOptions & { readonly found: readonly (readonly FoundHit[])[] },
): Promise<readonly (readonly Hit[])[]> {
  const all = found.flat();
  const left = maxBytes - all.reduce((sum, { row }) => sum + row.bytes, 0);
  const rows = all.map(({ row }) => row);
  const share = Math.min(MAX_EXPANDED_BYTES, Math.max(0, left / all.length));
  const neighbors = (await readNeighbors(database, collection, { rows, expand, maxBytes: share })).values();
  return found.map((hits) => {
    const regions = hits.map((one) => toRegion(one, neighbors.next().value ?? []));
    return mergeRegions(regions).map(toExpandedHit);
  });
}

/** The text of a hit. `passages` is empty if the hit keeps its passage. */
interface Region {
  readonly hit: Hit;
  readonly key: string;
  readonly passages: readonly ExactPassage[];
  readonly text: string;
  /** Start of the text in the document. */
  readonly start: number;
  readonly truncated: boolean;
  /** The passages that matched, best first. */
  readonly matched: readonly ExactPassage[];
}

type ExactPassage = NeighborRow & { readonly offset: number };

function toRegion({ hit, row: { id: key } }: FoundHit, rows: readonly NeighborRow[]): Region {
  const own = rows.find(({ chunk }) => chunk === hit.chunk);
  const alone = { hit, key, passages: [], text: "", start: 0, truncated: false, matched: [] };
  // Another text: the document was replaced after the search.
  if (own === undefined || own.content !== hit.content || !rows.every(hasOffset)) return alone;
  const [first, ...others] = rows;
  const leading = first?.isLeading ? first : undefined;
  const passages = leading ? (others as ExactPassage[]) : rows;
  const start = (leading && sectionStart(leading, passages, hit.headings)) ?? passages[0]?.offset ?? 0;
  const used = leading && start < (passages[0]?.offset ?? 0) ? rows : passages;
  const text = joinFrom(used, start);
  if (text === undefined) return alone;
  return { hit, key, passages: used, text, start, truncated: own.truncated, matched: [own as ExactPassage] };
}

function hasOffset(row: NeighborRow): row is ExactPassage {
  return row.offset !== null;
}

/** The text of the passages from a position in the document. Undefined: the offsets contradict the texts. */
function joinFrom(passages: readonly ExactPassage[], start: number): string | undefined {
  return joinExactly(passages)?.slice(start - (passages[0]?.offset ?? 0));
}

/** Where the section's heading stands in the passage before it. Undefined: it does not. */
function sectionStart(
  leading: ExactPassage,
  [first]: readonly ExactPassage[],
  headings: readonly string[] = [],
): number | undefined {
  const starts = [...findHeadings(leading.content)]
    .filter(({ title }) => title === headings.at(-1))
    .map(({ start }) => leading.offset + start);
  return starts.findLast((start) => first !== undefined && start < first.offset);
}

/** The regions, best first. Those of one document that overlap are one region, in the place of the best of them. */
function mergeRegions(regions: readonly Region[]): readonly Region[] {
  const ranked = regions.map((region, rank) => ({ region, rank }));
  const byPlace = ranked.toSorted(({ region: a }, { region: b }) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start,
  );
  const groups: Ranked[][] = [];
  let end = 0;
  for (const one of byPlace) {
    const { key, start, text, passages } = one.region;
    const group = groups.at(-1);
    const overlaps = passages.length > 0 && group?.[0]?.region.key === key && start < end;
    if (overlaps) group?.push(one);
    else groups.push([one]);
    end = overlaps ? Math.max(end, start + text.length) : start + text.length;
  }
  return groups
    .flatMap(mergeGroup)
    .sort((a, b) => a.rank - b.rank)
    .map(({ region }) => region);
}

interface Ranked {
  readonly region: Region;
  readonly rank: number;
}

/** One region for all; the regions unchanged if their texts contradict each other. */
function mergeGroup(group: readonly Ranked[]): readonly Ranked[] {
  const ranked = group.toSorted((a, b) => a.rank - b.rank);
  const [best] = ranked;
  if (!best || ranked.length === 1) return ranked;
  const regions = ranked.map(({ region }) => region);
  const byChunk = new Map(regions.flatMap((region) => region.passages).map((passage) => [passage.chunk, passage]));
  const passages = [...byChunk.values()].sort((a, b) => a.chunk - b.chunk);
  const start = Math.min(...regions.map((region) => region.start));
  const text = joinFrom(passages, start);
  if (text === undefined) return ranked;
  const truncated = regions.some((region) => region.truncated);
  const matched = regions.flatMap((region) => region.matched);
  return [{ rank: best.rank, region: { ...best.region, passages, text, start, truncated, matched } }];
}

function toExpandedHit({ hit, passages, text, start, truncated, matched }: Region): Hit {
  const [first] = passages;
  const last = passages.at(-1);
  if (!first || !last) return { ...hit, expanded: null };
  const matches = matched.map(({ chunk, offset, content }): MatchedRange => {
    const from = offset - start;
    return { chunk, start: from, end: from + content.length };
  });
  const [firstChunk, lastChunk] = [first.chunk, last.chunk];
  return {
    ...hit,
    content: text,
    expanded: { firstChunk, lastChunk, start, end: start + text.length, truncated, matches },
  };
}
