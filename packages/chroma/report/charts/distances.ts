import { countOf, formatSmall } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import type { SearchReport } from "../report.ts";

type Distance = SearchReport["distances"][number];

const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact" });

/** Size of the drawing in its own units, about pixels on a phone. */
const SIZE = 360;
const LEFT = 48;
const TOP = 24;
const SPAN = 296;
/** Maximum number of marks. Marks are thinned evenly, which keeps the file small without a visible difference. */
const MAX_MARKS = 4_000;

/** Scatter plot of Chroma's distance of each common hit against Cairn's. Equal distances lie on the diagonal. */
export function renderDistances(distances: readonly Distance[]): Html {
  const points = distances.filter(({ chroma, cairn }) => Number.isFinite(chroma) && Number.isFinite(cairn));
  const ticks = chooseTicks(points.flatMap(({ chroma, cairn }) => [chroma, cairn]));
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const scale = (value: number) => ((value - low) / (high - low)) * SPAN;
  const largest = points.reduce((max, { chroma, cairn }) => Math.max(max, Math.abs(chroma - cairn)), 0);
  const summary = `${countOf(points.length, "distance")}; the largest difference is ${formatSmall(largest)}.`;
  return html`<figure>
<figcaption><strong>Distance against distance.</strong> ${summary}</figcaption>
<svg class="scatter" viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label="Chroma's distances against Cairn's: ${summary}">
<title>Chroma's distances against Cairn's. On the diagonal both are equal.</title>
${ticks.map((tick) => renderTick(scale(tick), formatTick(tick)))}
<line class="diagonal" x1="${LEFT}" y1="${TOP + SPAN}" x2="${LEFT + SPAN}" y2="${TOP}"/>
${placeMarks(points, scale).map(([x, y]) => html`<circle cx="${x}" cy="${y}" r="2.6"/>`)}
<text x="${LEFT}" y="12">Cairn</text><text class="end" x="${LEFT + SPAN}" y="${SIZE - 4}">Chroma</text>
</svg>
</figure>`;
}

function renderTick(offset: number, label: string): Html {
  const [x, y] = [(LEFT + offset).toFixed(1), (TOP + SPAN - offset).toFixed(1)];
  const bottom = TOP + SPAN;
  return html`<line class="grid" x1="${x}" y1="${TOP}" x2="${x}" y2="${bottom}"/><line class="grid" x1="${LEFT}" y1="${y}" x2="${LEFT + SPAN}" y2="${y}"/><text class="middle tick" x="${x}" y="${bottom + 16}">${label}</text><text class="end tick" x="${LEFT - 6}" y="${Number(y) + 4}">${label}</text>
`;
}

/** The marks of the points. Points on the same half pixel share one mark. */
function placeMarks(points: readonly Distance[], scale: (value: number) => number): (readonly [string, string])[] {
  const marks = new Map<string, readonly [string, string]>();
  for (const { chroma, cairn } of points) {
    const x = (LEFT + Math.round(scale(chroma) * 2) / 2).toFixed(1);
    const y = (TOP + SPAN - Math.round(scale(cairn) * 2) / 2).toFixed(1);
    marks.set(`${x} ${y}`, [x, y]);
  }
  const every = Math.ceil(marks.size / MAX_MARKS);
  return [...marks.values()].filter((_, index) => index % every === 0);
}

/** Four to eight round values, from at most 0 to at least the largest value. */
function chooseTicks(values: readonly number[]): number[] {
  const [low, high] = values.reduce(([min, max], value) => [Math.min(min, value), Math.max(max, value)], [0, 0]);
  const rough = (high - low || 1) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5].find((factor) => factor * unit >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function formatTick(tick: number): string {
  return Math.abs(tick) >= 10_000 ? COMPACT.format(tick) : String(Number(tick.toPrecision(6)));
}
