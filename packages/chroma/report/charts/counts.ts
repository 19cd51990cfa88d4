import { renderBars, renderKey } from "@cairn/core/report/bars.ts";
import { countOf, formatCount } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { nameTarget } from "../name.ts";
import type { CollectionReport } from "../report.ts";

/** Collections in the chart. The table has all of them. */
const MAX_COLLECTIONS = 40;

/** The records of each collection in Chroma and in Cairn, largest first. */
export function renderCounts(collections: readonly CollectionReport[]): Html {
  const largest = [...collections].sort((a, b) => size(b) - size(a)).slice(0, MAX_COLLECTIONS);
  const full = Math.max(1, ...largest.map(size));
  const rows = largest.map((collection) => ({
    label: nameTarget(collection.target),
    value: nameCounts(collection),
    bars: [
      { series: "before" as const, share: collection.sourceCount / full },
      { series: "after" as const, share: collection.targetCount / full },
    ],
  }));
  const rest =
    collections.length > MAX_COLLECTIONS &&
    ` The ${MAX_COLLECTIONS} largest of ${countOf(collections.length, "collection")}; the table has all.`;
  return html`<figure>
<figcaption><strong>Records in each collection.</strong>${rest}</figcaption>
${renderKey("in Chroma", "in Cairn")}${renderBars(rows)}
</figure>`;
}

function size({ sourceCount, targetCount }: CollectionReport): number {
  return Math.max(sourceCount, targetCount);
}

function nameCounts({ sourceCount, targetCount }: CollectionReport): Piece {
  if (sourceCount === targetCount) return `${formatCount(sourceCount)} in both`;
  return html`<strong>${formatCount(sourceCount)} → ${formatCount(targetCount)}</strong>`;
}
