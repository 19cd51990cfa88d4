import { renderBars } from "@cairn/core/report/bars.ts";
import { formatCount } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import type { ReportException } from "../report.ts";

const REASONS: Readonly<Record<string, string>> = {
  vector_null: "The vector is null",
  vector_missing: "There is no vector",
  vector_zero: "The vector is all zeros",
  vector_not_finite: "The vector contains NaN or infinity",
  vector_out_of_range: "The vector is too long to compare",
  dimension_mismatch: "The vector has other dimensions",
  no_text: "There is no text to embed",
  embedding_refused: "The embedding model refused the text",
  not_embedded: "The text has no vector",
  unreadable: "Chroma cannot read it",
};

/** A reason in words. An unknown reason is shown by its own name. */
export function nameReason(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll("_", " ");
}

/** Exceptions by reason, most frequent first. */
export function renderReasons(exceptions: readonly ReportException[]): Html {
  const byReason = Map.groupBy(exceptions, ({ reason }) => reason);
  const sorted = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  const full = sorted[0]?.[1].length ?? 1;
  const rows = sorted.map(([reason, { length: count }]) => ({
    label: nameReason(reason),
    value: formatCount(count),
    bars: [{ series: "after" as const, share: count / full }],
  }));
  return html`<figure>
<figcaption><strong>Exceptions by reason.</strong></figcaption>
${renderBars(rows)}
</figure>`;
}
