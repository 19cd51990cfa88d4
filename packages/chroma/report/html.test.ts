import { expect, test } from "vitest";
import {
  exampleCollection,
  exampleExceptions,
  exampleReport,
  exampleSearch,
} from "../../../test/support/example-report.ts";
import { renderReport } from "./html.ts";
import type { MigrationReport } from "./report.ts";

const report = exampleReport();
const names = report.collections.map(({ source }) => source.name);

function count(page: string, pattern: RegExp): number {
  return page.match(pattern)?.length ?? 0;
}

test("ids from the data never become markup, and invisible characters are shown as escapes", () => {
  const exceptions = exampleExceptions(names[0] ?? "");
  const page = renderReport(exampleReport({ exceptions, totals: { ...report.totals, exceptions: 6 } }));
  expect(page).not.toContain("<script");
  expect(page).toContain("&#60;script&#62;alert(1)&#60;/script&#62;");
  expect(page).toContain("nan\\u0000line\\u000abreak");
  expect(page).not.toContain("\0");
});

test("an id of 5,000 characters is shortened and its length is shown", () => {
  const page = renderReport(
    exampleReport({ exceptions: exampleExceptions("c"), totals: { ...report.totals, exceptions: 6 } }),
  );
  expect(page).toContain("(5,000 characters)");
  expect(page).not.toMatch(/x{100}/);
});

test("a bidirectional control or a lone surrogate in a name is shown as an escape", () => {
  const page = renderReport(exampleReport({ collections: [exampleCollection("a\u202eb\ud800", 1)] }));
  expect(page).toContain("a\\u202eb\\ud800");
});

test("every text of the report is escaped", () => {
  const poison = `"'><img src=x onerror=alert(1)>`;
  const poisoned = JSON.parse(JSON.stringify(report), (key, value) =>
    typeof value === "string" && !["verdict", "kind", "vectors"].includes(key) ? poison : value,
  ) as MigrationReport;
  expect(renderReport(poisoned)).not.toContain("<img");
});

test("the page is self-contained: no script, link or image, and a policy that forbids them", () => {
  const page = renderReport(report);
  expect(page).not.toMatch(/<(script|link|img|iframe|object|embed)\b/i);
  expect(page).not.toMatch(/\b(src|href)\s*=/i);
  expect(page).not.toMatch(/url\(|@import/i);
  expect(page).toContain("default-src 'none'");
});

test("each collection has a bar for the source and one for the target, and no bar for an empty side", () => {
  const alone = { search: null, exceptions: [] };
  const page = renderReport(exampleReport(alone));
  expect(count(page, /<rect class="before"/g)).toBe(4);
  expect(count(page, /<rect class="after"/g)).toBe(4);
  const lost = { ...exampleCollection("Lost", 5), targetCount: 0 };
  expect(count(renderReport(exampleReport({ ...alone, collections: [lost] })), /<rect class="after"/g)).toBe(0);
});

test("the chart shows the forty largest of 2,000 collections and says so; the table has all of them", () => {
  const collections = Array.from({ length: 2_000 }, (_, index) => exampleCollection(`Tenant ${index}`, index + 1));
  const page = renderReport(exampleReport({ collections, search: null }));
  expect(count(page, /<rect class="before"/g)).toBe(40);
  expect(page).toContain("The 40 largest of 2,000 collections; the table has all.");
  expect(count(page, /<tr role="row"><th role="rowheader"/g)).toBe(2_000);
  expect(page.length).toBeLessThan(5_000_000);
});

test("the scatter plot has one mark for each distinct position", () => {
  const distances = [0, 0.25, 0.5, 0.5, 1].map((distance) => ({ chroma: distance, cairn: distance }));
  const page = renderReport(exampleReport({ search: { ...exampleSearch(names), distances } }));
  expect(count(page, /<circle cx="[\d.]+" cy="[\d.]+" r="2.6"/g)).toBe(4);
  expect(page).toContain("5 distances; the largest difference is 0.");
});

test("ten thousand scattered distances are thinned to four thousand marks", () => {
  const distances = Array.from({ length: 10_000 }, (_, index) => ({
    chroma: (index % 100) / 100,
    cairn: Math.floor(index / 100) / 100,
  }));
  const page = renderReport(exampleReport({ search: { ...exampleSearch(names), distances } }));
  expect(count(page, /<circle cx="[\d.]+" cy="[\d.]+" r="2.6"/g)).toBeLessThanOrEqual(4_000);
});

test("queries are counted by overlap, and 99 % does not count as the same", () => {
  const query = { collection: names[0] ?? "", overlapWithExact: 1 };
  const perQuery = [1, 1, 0.999, 0.8].map((overlapWithChroma) => ({ ...query, overlapWithChroma }));
  const page = renderReport(exampleReport({ search: { ...exampleSearch(names), perQuery } }));
  const row = (label: string) => page.match(new RegExp(`${label}</span>.*?class="value">(.*?)</li>`, "s"))?.[1] ?? "";
  const figures = (label: string) =>
    row(label)
      .replace(/<[^>]*>/g, "")
      .split(/\s+/)
      .filter(Boolean);
  expect(figures("All the same")).toEqual(["2", "4"]);
  expect(figures("90–99 % the same")).toEqual(["1", "0"]);
  expect(figures("80–89 % the same")).toEqual(["1", "0"]);
  expect(page).not.toContain("70–79 %");
});

test("an average just below 1 is not rounded up to 100 %", () => {
  const page = renderReport(exampleReport({ search: { ...exampleSearch(names), meanOverlapWithChroma: 0.9999 } }));
  expect(page).toContain("99.9\u00a0%");
});

test("exceptions are counted by reason, and an unknown reason is shown by its name", () => {
  const exceptions = [
    { collection: "c", id: "1", reason: "vector_null", detail: "" },
    { collection: "c", id: "2", reason: "metadata_too_deep", detail: "" },
  ];
  const totals = { ...report.totals, exceptions: 2 };
  const page = renderReport(exampleReport({ exceptions, totals, search: null, collections: [] }));
  expect(count(page, /<rect class="after"/g)).toBe(2);
  expect(page).toContain("metadata too deep");
});

test("notices are listed and escaped, and without notices there is no section", () => {
  const notices = ['The index of collection "<b>" could not be built.', "Another."];
  const page = renderReport(exampleReport({ notices }));
  const section = page.slice(page.indexOf('id="notices"'), page.indexOf('id="collections"'));
  expect(section).toContain("The index of collection &#34;&#60;b&#62;&#34; could not be built.");
  expect(section).toContain("<li>Another.</li>");
  for (const none of [undefined, []])
    expect(renderReport(exampleReport({ notices: none }))).not.toContain('id="notices"');
});

test("differences come first, and a truncated list shows the total", () => {
  const differences = [{ collection: names[0] ?? "", id: "a", kind: "missing", detail: "" }] as const;
  const totals = { ...report.totals, differences: 70_000 };
  const page = renderReport(exampleReport({ verdict: "not_identical", differences, totals }));
  expect(page).toContain("The first 1 of 70,000.");
  expect(page.indexOf('id="differences"')).toBeLessThan(page.indexOf('id="records"'));
});

test("exceptions and searches use the target's name; a name that two collections have stays the source name", () => {
  const [first] = report.collections;
  const twice = exampleCollection("Other", 3);
  const same = first && { ...twice, source: { ...twice.source, name: first.source.name } };
  const page = renderReport(exampleReport({ collections: [...report.collections, ...(same ? [same] : [])] }));
  const search = page.slice(page.indexOf('id="search"'), page.indexOf('id="exceptions"'));
  expect(search).toContain(`<code><bdi>${first?.source.name}</bdi></code>`);
  expect(search).toContain("<bdi>Fernweh Books</bdi>");
});

test("an empty report and a report without searches render", () => {
  const page = renderReport(exampleReport({ collections: [], search: null }));
  expect(page).toContain("Search results were not compared in this run.");
  expect(page).toContain("None: every record was migrated completely.");
});

test("a migration's page says when it was compared and what is not included; a verification's page does not", () => {
  const late = "what was written to Chroma after the last pass is not included";
  expect(renderReport(report)).toContain(`Compared at 22 November 2025 at 21:05 UTC; ${late}.`);
  expect(renderReport(exampleReport({ kind: "verify" }))).not.toContain(late);
});
