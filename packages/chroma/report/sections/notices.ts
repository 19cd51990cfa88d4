import { type Html, html } from "../markup.ts";
import type { MigrationReport } from "../report.ts";
import { shorten } from "../visible.ts";
import { renderSection } from "./section.ts";

/** What was carried over whole and is not as it should be yet: collections without an index. Nothing where there are none. */
export function renderNotices({ notices = [] }: MigrationReport): Html | false {
  if (notices.length === 0) return false;
  const note = "They are complete, and searches of them right but slow.";
  const items = notices.map((notice) => html`<li>${shorten(notice, 1_000)}</li>`);
  return renderSection({ id: "notices", title: "Without an index", note }, html`<ul>${items}</ul>`);
}
