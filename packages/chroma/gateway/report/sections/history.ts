import { formatCount } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import { type Column, renderTable } from "@cairn/core/report/table.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import type { ComparedResult } from "../../tenants.ts";
import { formatTime, renderPair } from "../format.ts";
import type { PhaseEvent, WriteCount } from "../report.ts";

const EVENTS: readonly Column<PhaseEvent>[] = [
  { head: "When", cell: ({ at }) => formatTime(at) },
  { head: "Phase", cell: ({ from, to }) => `${from} → ${to}` },
  {
    head: "Overridden conditions",
    cell: ({ overridden }) => overridden.map((text) => shorten(text, 200)).join("; ") || "–",
  },
];

/** The changes of phase, the newest first. */
export function renderHistory(events: readonly PhaseEvent[]): Html | false {
  return events.length > 0 && renderTable("Phases, the newest first", EVENTS, events);
}

const OUTCOMES: readonly (readonly [WriteCount["outcome"], string])[] = [
  ["ok", "Accepted"],
  ["refused", "Refused"],
  ["failed", "Failed"],
  ["unknown", "Outcome not known"],
];

/** Writes by outcome and side. */
export function renderWrites(writes: readonly WriteCount[]): Html | false {
  if (writes.length === 0) return false;
  const countOf = (outcome: string, side: string) =>
    writes.find((write) => write.outcome === outcome && write.side === side)?.requests ?? 0;
  const rows = OUTCOMES.filter(([outcome]) => writes.some((write) => write.outcome === outcome));
  return renderTable(
    "Writes: those of clients at the side that decides, and their copies at the other",
    [
      { head: "Outcome", cell: ([, name]) => name },
      { head: "Chroma", numeric: true, cell: ([outcome]) => formatCount(countOf(outcome, "chroma")) },
      { head: "Cairn", numeric: true, cell: ([outcome]) => formatCount(countOf(outcome, "cairn")) },
    ],
    rows,
  );
}

/** The last comparison of all records, as facts. */
export function renderComparison(comparison: ComparedResult | null): Html {
  if (!comparison) return html`<p class="none">All records have not been compared yet.</p>`;
  const { collections, records, written, deleted, refused, bypassed, identical, startedAt, finishedAt } = comparison;
  const facts: readonly (readonly [string, Piece])[] = [
    ["Compared", html`${formatCount(records)} records in ${formatCount(collections)} collections`],
    ["Result", identical ? "identical" : html`<span class="not_identical">not identical</span>`],
    ["Written", formatCount(written)],
    ["Deleted", formatCount(deleted)],
    ["Refused", formatCount(refused)],
    ["Without a recorded write", formatCount(bypassed)],
    ["From", formatTime(startedAt)],
    ["To", formatTime(finishedAt)],
  ];
  return html`<h3>Last comparison of all records</h3><dl class="facts">${facts.map(renderPair)}</dl>`;
}
