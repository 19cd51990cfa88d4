import { type Html, html, type Piece } from "./markup.ts";

/** At most two series: `before` is outlined and `after` is solid, so that they differ without color. */
export type Series = "before" | "after";

export interface BarRow {
  readonly label: Piece;
  readonly value: Piece;
  /** Shares of the full width, 0 to 1. */
  readonly bars: readonly { readonly series: Series; readonly share: number }[];
}

/** Height of one bar and the space after it, in pixels. */
const BAR = 7;
const STEP = 10;
/** Minimum share of a bar, so that one record next to a million is still visible. */
const MIN_SHARE = 0.003;

/** Renders horizontal bars. Labels and values are text outside the SVG, so that they wrap and screen readers can read them. */
export function renderBars(rows: readonly BarRow[]): Html {
  return html`<ul class="bars">${rows.map(renderRow)}</ul>`;
}

function renderRow({ label, value, bars }: BarRow): Html {
  const marks = bars.map(({ series, share }, index) => {
    if (!(share > 0)) return null;
    const width = Math.min(1, Math.max(MIN_SHARE, share)) * 100;
    return html`<rect class="${series}" x="0" y="${index * STEP + 0.5}" width="${width.toFixed(2)}%" height="${BAR}" rx="1"/>`;
  });
  return html`
<li><span class="label">${label}</span><svg width="100%" height="${bars.length * STEP}" aria-hidden="true">${marks}</svg><span class="value">${value}</span></li>`;
}

/** The legend of the two series. */
export function renderKey(before: string, after: string): Html {
  return html`<p class="key"><span>${renderMark("before")} ${before}</span> <span>${renderMark("after")} ${after}</span></p>`;
}

/** A small sample of a series, shown before its name or number. */
export function renderMark(series: Series): Html {
  return html`<svg class="mark" width="16" height="9" aria-hidden="true"><rect class="${series}-key" x="0.5" y="0.5" width="15" height="8" rx="1"/></svg>`;
}
