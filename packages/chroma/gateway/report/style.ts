import { STYLE } from "@cairn/core/report/style.ts";

/** The stylesheet of the page: that of the migration's report, with time series and lists of hits. */
export const CUTOVER_STYLE = `${STYLE}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 .5rem;font-size:.75rem;color:var(--soft);font-variant-numeric:tabular-nums}
.plot svg{display:block;width:100%;overflow:visible}
.plot .agreement{height:7rem}
.plot .volume{height:3rem}
.plot .scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;line-height:1}
.plot .times{grid-column:2;display:flex;justify-content:space-between;gap:1rem;padding-top:.375rem}
.plot .gap{grid-column:1/-1;height:.75rem}
.line{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.rule{stroke:var(--line);vector-effect:non-scaling-stroke}
.dots{fill:none;stroke:var(--accent);stroke-width:5;stroke-linecap:round;vector-effect:non-scaling-stroke}
.reads{fill:var(--soft);fill-opacity:.35}
.differed{fill:var(--accent)}
.hits{list-style:none}
.hits li{overflow-wrap:anywhere}
.hits small{display:inline;font-variant-numeric:tabular-nums}
.only code{font-weight:700;text-decoration:underline;text-underline-offset:.15em}
.matter>.figures{padding:.75rem 0 1rem;grid-template-columns:repeat(auto-fit,minmax(6rem,1fr))}
.matter>.figures dd{font-size:1.375rem}
.matter>.facts+*,.matter>.figures+.facts{margin-top:.75rem}
.matter>.facts{padding:0}
h3{margin:0 0 .75rem;font:600 .9375rem/1.4 var(--sans)}
@media print{.plot,.plot svg{break-inside:avoid}.line,.dots,.reads,.differed{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
