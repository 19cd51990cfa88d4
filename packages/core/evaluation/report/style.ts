import { STYLE } from "../../report/style.ts";

/** The stylesheet of the page: that of the other reports, with intervals, distributions and answers in two columns. */
export const EVALUATION_STYLE = `${STYLE}
.intervals{list-style:none;font-size:.9375rem}
.intervals li{display:grid;grid-template-columns:1fr auto;gap:.125rem 1rem;padding:.5rem 0;border-top:1px solid var(--line);align-items:center}
.intervals svg{display:block;grid-column:1/-1;grid-row:2;overflow:visible}
.intervals .label{min-width:0;overflow-wrap:anywhere}
.intervals .value{text-align:right;font-variant-numeric:tabular-nums}
@container (min-width:36rem){.intervals li{grid-template-columns:12rem 1fr 13rem}.intervals svg{grid-column:auto;grid-row:auto}}
.zero{stroke:var(--soft);stroke-dasharray:3 3}
.span{stroke:var(--accent);stroke-width:2}
.unsure{stroke:var(--soft);stroke-width:2}
.point{fill:var(--accent)}
.unsure-point{fill:var(--paper);stroke:var(--soft);stroke-width:2}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.75rem;font-variant-numeric:tabular-nums}
@container (min-width:36rem){.intervals+.axis{margin:0 14rem 0 13rem}}
.small{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(13rem,100%),1fr));gap:2rem 1.5rem}
.small h3{margin:0 0 .5rem;font:600 .9375rem/1.4 var(--sans);overflow-wrap:anywhere}
.small svg{display:block;width:100%;height:5rem;overflow:visible}
.column{fill:var(--accent)}
.floor{stroke:var(--line)}
.share{display:flex;height:.75rem;gap:2px;margin:.5rem 0;border-radius:2px;overflow:hidden}
.share i{display:block;min-width:1px}
.share .won{background:var(--accent)}
.share .equal{background:var(--faint);outline:1px solid var(--line);outline-offset:-1px}
.share .lost{background:repeating-linear-gradient(45deg,var(--soft) 0 2px,transparent 2px 5px)}
.matter h3{margin:0;font:600 1.0625rem/1.4 var(--sans);overflow-wrap:anywhere}
.matter h4{margin:1.5rem 0 .25rem;font:600 .9375rem/1.4 var(--sans)}
details{border-top:1px solid var(--line)}
details:last-of-type{border-bottom:1px solid var(--line)}
summary{display:grid;grid-template-columns:auto minmax(0,1fr) auto;gap:.25rem .75rem;padding:.625rem 0;cursor:pointer;list-style:none;overflow-wrap:anywhere}
summary::-webkit-details-marker{display:none}
summary::before{content:"+";color:var(--soft);font:400 1rem/1.5 var(--mono)}
details[open]>summary::before{content:"–"}
summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
summary .change{color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem 2rem;padding:.25rem 0 1.5rem 1.5rem}
.answers h5{margin:0 0 .5rem;font:600 .875rem/1.4 var(--sans);color:var(--soft)}
.answers ol{margin:0;padding:0;list-style:none;counter-reset:rank}
.answers li{position:relative;counter-increment:rank;padding:.375rem 0 .375rem 1.75rem;border-top:1px solid var(--line);font-size:.875rem}
.answers li::before{content:counter(rank);position:absolute;left:0;color:var(--soft);font-variant-numeric:tabular-nums}
.answers .passage{display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden;color:var(--soft);overflow-wrap:anywhere}
.answers .relevant{border-left:3px solid var(--accent);padding-left:calc(1.75rem - 3px)}
.answers .relevant::before{left:.375rem}
.grade{margin-left:.5rem;color:var(--accent);font-weight:600}
@media screen and (max-width:46rem){summary{grid-template-columns:auto minmax(0,1fr)}summary .change{grid-column:2}
.answers{padding-left:0}}
@media print{.small,.intervals li,details{break-inside:avoid}.share i,.column,.span,.point{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
