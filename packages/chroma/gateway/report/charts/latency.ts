import { renderBars, renderKey } from "@cairn/core/report/bars.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import type { ShadowResults } from "../../shadow/statistics/results.ts";
import { formatMilliseconds } from "../format.ts";

/** The latency of both sides for the same reads. */
export function renderLatency({ latency: { chroma, cairn }, compared }: ShadowResults): Html | false {
  if (compared === 0) return false;
  const full = Math.max(chroma.p95 ?? 0, cairn.p95 ?? 0, 0.1);
  const row = (label: string, percentile: "p50" | "p95") => ({
    label,
    value: `${formatMilliseconds(chroma[percentile])} → ${formatMilliseconds(cairn[percentile])}`,
    bars: [
      { series: "before" as const, share: (chroma[percentile] ?? 0) / full },
      { series: "after" as const, share: (cairn[percentile] ?? 0) / full },
    ],
  });
  return html`<figure>
<figcaption><strong>Latency of the same reads.</strong> Half of them took at most the first time, and 95 of 100 at most the second.</figcaption>
${renderKey("Chroma", "Cairn")}${renderBars([row("Median (p50)", "p50"), row("95th percentile (p95)", "p95")])}
</figure>`;
}
