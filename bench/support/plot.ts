import type { Axis, Plot } from "./section.ts";

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 62;
const RIGHT = 16;
const TOP = 14;
const BOTTOM = 46;
const COLORS = ["#0b6e69", "#c2410c", "#4338ca", "#a16207", "#be185d", "#475569"];
const DASHES = ["", "6 4", "2 3", "10 4 2 4", "1 4", "4 2"];

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** A line plot as inline SVG. Lines also differ in their dashes, so that a print is readable. */
export function drawPlot({ title, x, y, series }: Plot): string {
  const points = series.flatMap(({ points }) => points);
  const xScale = scale(
    x,
    points.map(([value]) => value),
    [LEFT, WIDTH - RIGHT],
  );
  const yScale = scale(
    y,
    points.map(([, value]) => value),
    [HEIGHT - BOTTOM, TOP],
  );
  const grid = [
    ...xScale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${px(xScale.at(tick))}" x2="${px(xScale.at(tick))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>` +
        `<text x="${px(xScale.at(tick))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${formatTick(tick)}</text>`,
    ),
    ...yScale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(yScale.at(tick))}" y2="${px(yScale.at(tick))}"/>` +
        `<text x="${LEFT - 6}" y="${px(yScale.at(tick) + 4)}" text-anchor="end">${formatTick(tick)}</text>`,
    ),
  ];
  const lines = series.map(({ points }, index) => {
    const path = points.map(([a, b]) => `${px(xScale.at(a))},${px(yScale.at(b))}`).join(" ");
    const color = COLORS[index % COLORS.length];
    const dots = points.map(
      ([a, b]) => `<circle cx="${px(xScale.at(a))}" cy="${px(yScale.at(b))}" r="3.5" fill="${color}"/>`,
    );
    return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dashOf(index)}"/>${dots.join("")}`;
  });
  const legend = series.map(
    ({ name }, index) =>
      `<li><svg width="30" height="8"><line x1="0" x2="30" y1="4" y2="4" stroke="${COLORS[index % COLORS.length]}" stroke-width="2" stroke-dasharray="${dashOf(index)}"/></svg> ${name}</li>`,
  );
  return `<figure><figcaption>${title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${grid.join("")}${lines.join("")}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle" class="axis">${x.label}</text>
<text x="14" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" class="axis" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})">${y.label}</text>
</svg><ul class="legend">${legend.join("")}</ul></figure>`;
}

function scale({ log }: Axis, values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const min = Math.min(...values);
  const max = Math.max(...values);
  if (log) {
    const low = Math.log10(min) - 0.05;
    const high = Math.max(Math.log10(max), Math.log10(min) + 0.3) + 0.05;
    const ticks = [1, 2, 5].flatMap((digit) => Array.from({ length: 16 }, (_, power) => digit * 10 ** (power - 5)));
    return {
      ticks: ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high),
      at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    };
  }
  const spread = max - min || Math.abs(max) || 1;
  const low = min > 0 && min < spread ? 0 : min - 0.05 * spread;
  const high = max + 0.05 * spread;
  const step = niceStep((high - low) / 6);
  const first = Math.ceil(low / step);
  const ticks = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
  return { ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5, 10].find((digit) => digit * power >= raw) ?? 10);
}

/** The line's dash pattern. When the colors repeat, the patterns differ. */
function dashOf(index: number): string | undefined {
  return DASHES[(index + Math.floor(index / COLORS.length)) % DASHES.length];
}

function px(value: number): string {
  return value.toFixed(1);
}

function formatTick(value: number): string {
  if (Math.abs(value) >= 1_000_000) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (Math.abs(value) >= 1_000) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(4)));
}
