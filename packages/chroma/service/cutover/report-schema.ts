import { z } from "@hono/zod-openapi";
import type { CutoverReport, DisagreementRow, FindingRow } from "../../gateway/report/report.ts";

const count = z.number();
const date = z.iso.datetime();
const side = z.enum(["chroma", "cairn"]);

const finding = z
  .object({
    collection: z.string().describe("Its name, or its id if it has none."),
    record_id: z.string().describe("Empty: the collection itself."),
    kind: z.string().describe("`refused`, `passages`, `conflict` or `bypass`."),
    side: side.describe("The side that cannot hold it, or that differed."),
    detail: z.string(),
    occurrences: count,
    first_at: date,
    last_at: date,
    resolved_at: date.nullable(),
  })
  .openapi("CutoverFinding");

const disagreement = z
  .object({
    at: date,
    collection: z.string(),
    kind: z.enum(["get", "count", "query"]),
    agreement: z.number().describe("Share of the answer that agrees, 0 to 1."),
    outcome: z.enum(["missed", "differed"]),
    difference: z.record(z.string(), z.unknown()).describe("Ids, counts and distances of both sides."),
  })
  .openapi("CutoverDisagreement");

/** The report of one tenant as JSON. */
export const cutoverReportSchema = z
  .object({
    created_at: date,
    hours: count.describe("Hours before `created_at` of which reads are counted."),
    step_minutes: count.describe("Minutes of one point in `series`."),
    series: z
      .array(z.object({ at: date, agreed: count, missed: count, differed: count }))
      .describe("Compared reads over time. Steps without a read are left out."),
    findings: z.array(finding).describe("Those that are open first, then the newest; at most 50."),
    finding_count: count.describe("All findings, resolved ones included."),
    events: z
      .array(
        z.object({
          at: date,
          from: z.string(),
          to: z.string(),
          overridden: z.array(z.string()).describe("Conditions that were not met."),
        }),
      )
      .describe("Changes of the phase, newest first; at most 50."),
    disagreements: z.array(disagreement).describe("Reads that disagreed, worst first; at most 10."),
    disagreement_count: count.describe("All that are stored, at most 100."),
  })
  .openapi("CutoverReport");

/** The report of one tenant. */
export function fromReport({ createdAt, hours, stepMinutes, details }: CutoverReport) {
  const [detail] = details;
  return {
    created_at: createdAt,
    hours,
    step_minutes: stepMinutes,
    series: [...(detail?.series ?? [])],
    findings: (detail?.findings ?? []).map(fromFinding),
    finding_count: detail?.findingCount ?? 0,
    events: (detail?.events ?? []).map((event) => ({ ...event, overridden: [...event.overridden] })),
    disagreements: (detail?.disagreements ?? []).map(fromDisagreement),
    disagreement_count: detail?.disagreementCount ?? 0,
  };
}

function fromFinding({ recordId, firstAt, lastAt, resolvedAt, ...finding }: FindingRow) {
  return { ...finding, record_id: recordId, first_at: firstAt, last_at: lastAt, resolved_at: resolvedAt };
}

function fromDisagreement({ counts: _, difference, ...disagreement }: DisagreementRow) {
  return { ...disagreement, difference: { ...difference } };
}
