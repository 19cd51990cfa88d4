import { drawPlot } from "./plot.ts";
import type { SavedSection } from "./section.ts";
import { isMet } from "./target.ts";

const STYLE = `
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto; padding: 1rem; color: #1e293b }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #cbd5e1; padding-top: 1rem }
.about { color: #475569; font-size: .9rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e2e8f0 } th:first-child, td:first-child { text-align: left }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem }
figure { margin: 1rem 0 0; break-inside: avoid } figcaption { font-weight: 600 } svg text { font-size: 12px; fill: #475569 } svg .axis { font-size: 13px; fill: #1e293b }
.scroll, pre { overflow-x: auto } pre { font-size: .8rem }
.grid { stroke: #e2e8f0 } .legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem }
.targets { list-style: none; padding: 0 } .met::before { content: "✓ "; color: #0b6e69 } .missed::before { content: "✗ "; color: #b91c1c } .missed { font-weight: 600 }`;

/** All sections as one self-contained page, without network access or scripts. */
export function renderPage(sections: readonly SavedSection[]): string {
  const ordered = sections.toSorted((a, b) => a.bench.localeCompare(b.bench) || a.size - b.size);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cairn benchmarks</title><style>${STYLE}</style></head><body>
<h1>Cairn benchmarks</h1>
<p class="about">Figures that are compared were measured in turns, in the same run on the same machine. Compare the ratios.</p>
${ordered.map(renderSection).join("\n")}
</body></html>
`;
}

function renderSection({ title, size, machine, at, table, targets, plots, note, profiles }: SavedSection): string {
  const columns = [...new Set(table.flatMap((row) => Object.keys(row)))];
  const rows = table.map(
    (row) => `<tr>${columns.map((column) => `<td>${text(row[column] ?? "")}</td>`).join("")}</tr>`,
  );
  const targetItems = (targets ?? []).map(
    (target) =>
      `<li class="${isMet(target) ? "met" : "missed"}">${text(target.what)}: ${target.value} (target ${target.better === "higher" ? "≥" : "≤"} ${target.target})</li>`,
  );
  return `<section><h2>${text(title)}</h2>
<p class="about">${size.toLocaleString("en")} rows · ${text(machine)} · ${text(at.slice(0, 16).replace("T", " "))} UTC</p>
${targetItems.length > 0 ? `<ul class="targets">${targetItems.join("")}</ul>` : ""}
<div class="scroll"><table><thead><tr>${columns.map((column) => `<th>${text(column)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>
${note ? `<p>${text(note)}</p>` : ""}
${(profiles ?? []).map(({ title, lines }) => `<details><summary>${text(title)}</summary><pre>${text(lines.join("\n"))}</pre></details>`).join("\n")}
${plots?.length ? `<div class="plots">${plots.map(drawPlot).join("")}</div>` : ""}</section>`;
}

function text(value: string | number): string {
  return String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
