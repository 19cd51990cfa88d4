import { expect, test } from "vitest";
import {
  addCutoverTenants,
  type CutoverTenant,
  EXAMPLE_CUTOVER,
  exampleReads,
} from "../../../../test/support/example-cutover.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { renderCutoverReport } from "./html.ts";
import { readCutoverReport } from "./read.ts";
import type { CutoverReport } from "./report.ts";

const own = useTestDatabase();

async function reportOf(tenants: readonly CutoverTenant[], hours = 3): Promise<CutoverReport> {
  const tenantIds = await addCutoverTenants(own.database, tenants);
  return readCutoverReport(own.database, { tenantIds, hours });
}

let example: Promise<CutoverReport> | undefined;

/** The report of the example, whose tenants are added once. */
function exampleReport(): Promise<CutoverReport> {
  example ??= reportOf(EXAMPLE_CUTOVER);
  return example;
}

/** The text of a page, with one space between the parts. */
function textOf(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
}

/** The section of a tenant, as text. */
function sectionOf(page: string, id: string): string {
  const start = page.indexOf(`id="tenant-${id}"`);
  expect(start).toBeGreaterThan(0);
  return textOf(page.slice(start - 10, page.indexOf("</section>", start)));
}

test("the report has what the tables have, and tenants that need attention come first", async () => {
  const report = await exampleReport();
  expect(report.tenants.map(({ name }) => name)).toEqual([
    "Fernweh Books",
    "Kontor 9",
    "Halde Outdoor",
    "Lumen Clinic",
    "Orrery",
  ]);
  const [first, second, third] = report.tenants;
  expect(first).toMatchObject({
    phase: "shadow",
    reads: { differed: 4, missed: 40, excluded: 3 },
    openFindings: 2,
    journal: { depth: 2, failing: 0 },
  });
  expect(first?.reads.compared).toBe((first?.reads.agreed ?? 0) + 44);
  expect(first?.reads.latency.cairn.p50).toBeLessThan(first?.reads.latency.chroma.p50 ?? 0);
  expect(first?.writes).toContainEqual({ side: "chroma", outcome: "ok", requests: 412 });
  expect(second?.journal).toMatchObject({ depth: 3, failing: 1 });
  expect(second?.journal.oldestSeconds).toBeGreaterThanOrEqual(41 * 60);
  expect(third?.reads).toMatchObject({ differed: 0, agreement: 1 });
  expect(report.details.map(({ tenantId }) => tenantId)).toEqual(report.tenants.map(({ tenantId }) => tenantId));
  const [detail] = report.details;
  expect(detail?.series.reduce((sum, { differed }) => sum + differed, 0)).toBe(4);
  expect(detail?.findings.map(({ resolvedAt }) => resolvedAt === null)).toEqual([true, true, false]);
  expect(detail?.comparison).toMatchObject({ records: 184_220, identical: false });
  expect(detail?.events[0]).toMatchObject({ from: "mirror", to: "shadow", overridden: ["compared_identical"] });
  expect(detail?.disagreements.map(({ outcome, kind }) => `${outcome} ${kind}`)).toEqual([
    "differed get",
    "differed query",
    "differed count",
    "missed query",
  ]);
});

test("the page shows a tenant's phase, agreement, latency, writes, journal, findings, history and disagreements", async () => {
  const report = await exampleReport();
  const page = renderCutoverReport(report);
  const text = textOf(page);
  expect(text).toContain("2 of 5 tenants are served by Cairn");
  expect(text).toContain("2 tenants need attention");
  const only = [...page.matchAll(/<li class="only"><code><bdi>(.*?)<\/bdi>/g)].map(([, id]) => id);
  const hits = ["handbook/returns#2", "faq/damaged-on-arrival"];
  expect(only).toEqual(["catalog/9781234567897", ...hits, ...hits.toReversed()]);
  const section = sectionOf(page, report.tenants[0]?.tenantId ?? "");
  for (const expected of [
    "In phase shadow since",
    "4 differed; Chroma's index missed records in 40.",
    "Agreement over time.",
    "Latency of the same reads.",
    "Accepted 412 0",
    "Outcome not known 1 0",
    "changes not replicated, the oldest for",
    "3 findings",
    "Changed without a recorded write",
    "mirror → shadow compared_identical",
    "184,220 records in 3 collections",
    "not identical",
    "handbook/returns#4 0.18214",
    "catalog/9780987654321 document, metadata",
    "184,221 records",
    "Chroma's index missed records",
  ])
    expect(section.replaceAll("\u00a0", " ")).toContain(expected);
});

test("requests outside of the hours are not counted, and longer times have longer steps", async () => {
  const requests = [1, 100, 1_000].map(
    (minutes) => ({ kind: "query", side: "chroma", outcome: "agreed", minutes, milliseconds: [5, 5] }) as const,
  );
  const ids = await addCutoverTenants(own.database, [{ name: "a", phase: "shadow", requests }]);
  const read = (hours: number) => readCutoverReport(own.database, { tenantIds: ids, hours });
  const reports = [await read(1), await read(3), await read(24), await read(24 * 7), await read(24 * 365)];
  expect(reports.map(({ stepMinutes }) => stepMinutes)).toEqual([1, 1, 15, 60, 1_440]);
  expect(reports.map(({ tenants }) => tenants[0]?.reads.compared)).toEqual([2, 4, 6, 6, 6]);
  expect(reports.map(({ details }) => details[0]?.series.length)).toEqual([
    1,
    2,
    3,
    expect.any(Number),
    expect.any(Number),
  ]);
});

test("without ids, every tenant of the cut-over is in the report, and only those", async () => {
  const [id] = await addCutoverTenants(own.database, [{ name: "Only here", phase: "chroma" }]);
  const report = await readCutoverReport(own.database, { hours: 1 });
  expect(report.tenants.map(({ tenantId }) => tenantId)).toContain(id);
  const none = await readCutoverReport(own.database, { tenantIds: [], hours: 1 });
  expect(none.tenants).toEqual([]);
  expect(textOf(renderCutoverReport(none))).toContain("No tenant is part of the cut-over");
});

test("every text is escaped and the page loads nothing", async () => {
  const poison = `"'><img src=x onerror=alert(1)>\u202e`;
  const report = await reportOf([
    {
      name: poison,
      phase: "shadow",
      requests: exampleReads(2),
      findings: [{ recordId: poison, kind: poison, side: "chroma", detail: poison }],
      events: [{ minutes: 1, from: poison, to: poison, overridden: [poison] }],
      disagreements: [
        {
          kind: poison,
          agreement: 0,
          detail: {
            outcome: "differed",
            kind: "records",
            onlyInChroma: [poison, "nul\u0000"],
            onlyInCairn: [poison],
            differing: [],
          },
        },
      ],
    },
  ]);
  const page = renderCutoverReport(report);
  expect(page).not.toMatch(/<(script|link|img|iframe|object|embed)\b/i);
  expect(page).not.toMatch(/\b(src|href)\s*=\s*["']/i);
  expect(page).not.toMatch(/url\(|@import/i);
  expect(page).toContain("default-src 'none'");
  expect(page).toContain("nul\\u0000");
  expect(page).not.toContain("\u202e");
});

test("two hundred tenants have a section and the rest a row, and the page says so", async () => {
  const tenants = Array.from({ length: 230 }, (_, at) => ({
    name: `Tenant ${String(at).padStart(3, "0")}`,
    phase: "mirror",
  }));
  const report = await reportOf([
    ...tenants,
    { name: "Zebra", phase: "shadow", findings: [{ kind: "bypass", side: "chroma", detail: "" }] },
  ]);
  const page = renderCutoverReport(report);
  expect(page.match(/id="tenant-[0-9a-f-]{36}"/g)).toHaveLength(200);
  expect(page.match(/<tr role="row"><th role="rowheader"/g)?.length).toBeGreaterThanOrEqual(231);
  expect(textOf(page)).toContain("The first 200 of 231 have a section below.");
  expect(report.details[0]?.findings).toHaveLength(1); // the one that needs attention is not left out
});

test("lists and the page are bounded, and what is left out is counted", async () => {
  const id = "🪨".repeat(128);
  const many = Array.from({ length: 20 }, (_, at) => `${at}${id}`);
  const disagreement = {
    kind: "get",
    agreement: 0,
    detail: {
      outcome: "differed",
      kind: "records",
      onlyInChroma: many,
      onlyInCairn: many,
      differing: [],
      counts: { onlyInChroma: 4_000 },
    },
  } as const;
  const [tenant] = EXAMPLE_CUTOVER;
  const findings = Array.from(
    { length: 70 },
    (_, at) =>
      ({ recordId: `${at}${"x".repeat(4_000)}`, kind: "refused", side: "cairn", detail: "y".repeat(4_000) }) as const,
  );
  const report = await reportOf([
    { ...tenant, name: "Large", phase: "shadow", findings, disagreements: Array(12).fill(disagreement) },
  ]);
  const [detail] = report.details;
  expect(detail).toMatchObject({ findingCount: 70, disagreementCount: 12 });
  expect(detail?.findings).toHaveLength(50);
  expect(detail?.disagreements).toHaveLength(10);
  const page = renderCutoverReport(report);
  expect(Buffer.byteLength(page)).toBeLessThan(300_000);
  for (const expected of [
    "70 findings, the first 50 of 70",
    "10 disagreements, the worst first, the first 10 of the 12 that are kept",
    "and 3,990 more",
  ])
    expect(textOf(page)).toContain(expected);
  const copies = Array.from({ length: 200 }, (_, at) => ({
    ...report.tenants[0],
    tenantId: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
  }));
  const huge = {
    ...report,
    tenants: copies,
    details: copies.map(({ tenantId }) => ({ ...detail, tenantId })),
  } as CutoverReport;
  const largest = renderCutoverReport(huge);
  expect(Buffer.byteLength(largest)).toBeLessThan(9_000_000);
  const sections = largest.match(/id="tenant-[0-9a-f-]{36}"/g)?.length ?? 0;
  expect(sections).toBeLessThan(200);
  expect(textOf(largest)).toContain(`The first ${sections} of 200 have a section below.`);
});

test("a tenant without requests has no charts, and a single read has a dot", async () => {
  const report = await reportOf([
    { name: "Quiet", phase: "mirror" },
    { name: "Slow", phase: "shadow", requests: exampleReads(1) },
  ]);
  const page = renderCutoverReport(report);
  const [quiet = "", slow = ""] = report.tenants.map(({ tenantId }) => tenantId);
  expect(sectionOf(page, quiet)).not.toContain("Agreement over time.");
  expect(sectionOf(page, slow)).toContain("Agreement over time.");
  expect(page).toMatch(/class="dots" d="M[\d.]+ 0.00h0"/);
});
