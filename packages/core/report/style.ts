/** The stylesheet of the page. The only accent color is petrol, or rust if the verdict is `not_identical`. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d2322;--soft:#5d6663;--line:#dcdcd4;--faint:#efeee8;--accent:#0f6b66;
--serif:"Iowan Old Style","Palatino Linotype",Palatino,"Source Serif 4",Georgia,"Liberation Serif",serif;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
--mono:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
[data-verdict=not_identical]{--accent:#a3361c}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15191a;--ink:#e7e8e3;--soft:#9ca6a3;--line:#343b3b;--faint:#1f2526;--accent:#5cc0b6}
[data-verdict=not_identical]{--accent:#ef8a6b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:2.5rem clamp(1rem,4vw,3rem) 4rem;max-width:76rem;background:var(--paper);color:var(--ink);font:1rem/1.5 var(--sans)}
h1,h2,p,dl,dd,ul,figure{margin:0;padding:0}
code{font:.875em/1.4 var(--mono);overflow-wrap:anywhere}
small{font-size:.8125rem;color:var(--soft)}
.soft{color:var(--soft)}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.brand{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .5rem;color:var(--soft);font-size:.875rem}
.brand span{flex:1;min-width:0}
.stones{fill:var(--accent);width:1.25rem;height:auto}
.verdict{display:grid;grid-template-columns:auto 1fr;gap:0 1.25rem;margin:2.25rem 0 2.5rem;align-items:start}
.sign{fill:none;stroke:var(--accent);stroke-width:3.2;stroke-linecap:round;stroke-linejoin:round;margin-top:.15rem}
h1{font:400 clamp(2rem,5vw,3rem)/1.1 var(--serif);color:var(--accent);letter-spacing:-.01em;overflow-wrap:break-word}
h1 .rest{display:block;max-width:46rem;margin-top:.75rem;color:var(--ink);font-size:clamp(1.1875rem,2.6vw,1.5rem);line-height:1.38;letter-spacing:0;text-wrap:pretty}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1.5rem 1rem;padding:1.25rem 0;border:solid var(--line);border-width:1px 0}
.figures div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figures dd{font:400 1.875rem/1.15 var(--serif);font-variant-numeric:lining-nums;white-space:nowrap}
.figures dt,.facts dt{color:var(--soft);font-size:.875rem}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 2.5rem;padding:1rem 0 0;font-size:.875rem}
.facts div{display:flex;gap:.5rem;min-width:0}
.facts dt{flex:none}
.facts dd{min-width:0;overflow-wrap:anywhere}
section,footer{margin-top:4rem}
h2{font:400 1.5rem/1.25 var(--serif)}
.margin p{margin-top:.5rem;color:var(--soft);font-size:.875rem;max-width:38rem;text-wrap:pretty}
.matter{min-width:0}
.matter>*+*{margin-top:2.5rem}
.margin+.matter{margin-top:1.5rem}
.none{color:var(--soft)}
@media screen and (min-width:62rem){section:not(.wide){display:grid;grid-template-columns:15rem minmax(0,1fr);gap:3.5rem}
.margin+.matter{margin-top:.25rem}.wide .matter{margin-top:1.5rem}}
figcaption{margin-bottom:1rem;font-size:.9375rem;color:var(--soft)}
figcaption strong{color:var(--ink);font-weight:600}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin-bottom:.75rem;color:var(--soft);font-size:.875rem}
.mark{margin-right:.25rem}.second{margin-left:.75rem}
.bars{list-style:none;font-size:.9375rem}
.bars li{display:grid;grid-template-columns:1fr auto;gap:.25rem 1rem;padding:.5rem 0;border-top:1px solid var(--line);align-items:center}
.bars .label{min-width:0;overflow-wrap:anywhere}
.bars li>svg{display:block;grid-column:1/-1;grid-row:2;overflow:visible}
.bars .value{font-variant-numeric:tabular-nums;text-align:right}
figure{container-type:inline-size}
@container (min-width:36rem){.bars li{grid-template-columns:14.5rem 1fr 9.5rem}.bars li>svg{grid-column:auto;grid-row:auto}}
.before,.before-key{fill:var(--faint);stroke:var(--soft);stroke-width:1}
.after,.after-key{fill:var(--accent);stroke:var(--accent);stroke-width:1}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:2.5rem}
.scatter{display:block;width:100%;max-width:28rem;height:auto;font:12px var(--sans);fill:var(--soft)}
.scatter .grid{stroke:var(--line)}
.scatter .diagonal{stroke:var(--soft);stroke-dasharray:4 3}
.scatter circle{fill:var(--accent);fill-opacity:.6}
.scatter .tick{font-size:11px}
.middle{text-anchor:middle}
.end{text-anchor:end}
.table{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.875rem;line-height:1.4}
caption{padding-bottom:.75rem;text-align:left;color:var(--soft)}
th,td{padding:.625rem .75rem .625rem 0;border-top:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400}
thead th{vertical-align:bottom;border-top:0;color:var(--soft);font-size:.8125rem;line-height:1.25}
tbody th{min-width:10rem;overflow-wrap:anywhere}
td bdi{overflow-wrap:anywhere}
@media screen{td:not(.n){min-width:6.5rem}}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}
td small,th small{display:block}
.from{margin-top:.125rem}
.not_identical{color:var(--accent);font-weight:600}
.identical_with_exceptions{font-weight:600}
footer{padding-top:1.5rem;border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
footer h2{font-size:1.125rem;color:var(--ink)}
footer p{margin-top:.75rem;max-width:46rem;text-wrap:pretty}
@media screen and (max-width:46rem){body{padding-top:1.5rem}
.verdict{grid-template-columns:1fr;gap:.75rem;margin:1.5rem 0 2rem}
.figures{grid-template-columns:repeat(2,1fr)}
.figures dd{font-size:1.625rem}
.facts{display:block}.facts div{padding:.125rem 0}.facts dt{width:4.5rem}
section,footer{margin-top:3rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,tr,th,td,caption{display:block}
tr{padding:.75rem 0;border-top:1px solid var(--line)}
tbody th,td{padding:.125rem 0;border:0;overflow-wrap:anywhere}
tbody th{padding-bottom:.375rem;font-size:1rem}
td,td.n{display:grid;grid-template-columns:8.5rem minmax(0,1fr);gap:.5rem;text-align:left;white-space:normal;overflow-wrap:anywhere}
td::before{content:attr(data-head);color:var(--soft)}
}
@media print{@page{margin:16mm 14mm}@page wide{size:landscape}#collections,footer{page:wide}
:root,[data-verdict]{color-scheme:light}
body{max-width:none;padding:0;background:none;font-size:10pt}
section,footer{margin-top:9mm}
h1{font-size:26pt}h1 .rest{font-size:14pt}
.figures{grid-template-columns:repeat(6,auto);gap:4mm}.figures dd{font-size:15pt}.figures dt{font-size:8.5pt}
h2,figcaption,caption,.margin{break-after:avoid}
figure,tr,li,header,.margin,.key,footer p{break-inside:avoid}
thead{display:table-header-group}
.table{overflow:visible}
table{font-size:8pt}
th,td{padding:1.4mm 2.2mm 1.4mm 0}
small,thead th{font-size:7.5pt}
tbody th{min-width:0}
.bars{font-size:9pt}.bars li{padding:1.2mm 0}
.pair{grid-template-columns:1fr 1fr}
.before,.after,.before-key,.after-key{print-color-adjust:exact;-webkit-print-color-adjust:exact}
code{font-size:.9em}}
`;
