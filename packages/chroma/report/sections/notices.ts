import { type Html, html } from "@cairn/core/report/markup.ts";
import { renderSection } from "@cairn/core/report/section.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import type { MigrationReport } from "../report.ts";

/** Renders notices that are not differences: collections without an index, models without a usable name. */
export function renderNotices({ notices = [] }: MigrationReport): Html | false {
  if (notices.length === 0) return false;
  const note = "The collections are complete. Each notice says what to do.";
  const items = notices.map((notice) => html`<li>${shorten(notice, 1_000)}</li>`);
  return renderSection({ id: "notices", title: "Notices", note }, html`<ul>${items}</ul>`);
}
