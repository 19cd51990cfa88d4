import { z } from "@hono/zod-openapi";
import type { ConditionLimits } from "../../gateway/cutover/conditions.ts";
import type { AdvanceOptions } from "../../gateway/cutover/cutover.ts";
import type { CutoverSummary } from "../../gateway/cutover/list.ts";
import type { CutoverStatus } from "../../gateway/cutover/status.ts";
import { PHASES } from "../../gateway/phase.ts";
import type { ComparedResult } from "../../gateway/tenants.ts";

const phase = z.enum(PHASES);
const count = z.number();
const share = z.number().min(0).max(1);
const tenant = z.object({ id: z.uuid(), name: z.string() });

const settings = z
  .object({ strict: z.boolean().optional(), sample: share.optional() })
  .describe("Settings that differ from the defaults.");

const compared = z
  .object({
    started_at: z.iso.datetime(),
    finished_at: z.iso
      .datetime()
      .describe("1970-01-01T00:00:00.000Z: another comparison was requested and has not ended."),
    collections: count,
    records: count,
    written: count.describe("Records that differed and were copied."),
    deleted: count,
    refused: count.describe("Records that one side cannot hold."),
    bypassed: count.describe("Records that differed without a recorded write."),
    identical: z.boolean(),
  })
  .nullable()
  .describe("The last comparison of all records. Null: none since the deciding side changed.");

const percentiles = z.object({ p50: count.nullable(), p95: count.nullable() });

const reads = z
  .object({
    compared: count,
    agreed: count,
    missed: count.describe("Chroma's index missed records that Cairn returned. They count as agreement."),
    differed: count,
    excluded: count.describe("Records of the read were being written."),
    failed: count,
    dropped: count.describe("Sampled, and there was no room to compare them."),
    agreement: share.nullable(),
    latency: z.object({ chroma: percentiles, cairn: percentiles }).describe("Milliseconds."),
  })
  .describe("Compared reads since the phase began.");

const condition = z.object({
  name: z.string(),
  met: z.boolean(),
  detail: z.string().describe("What holds or what is missing."),
});

export const cutoverStatusSchema = z
  .object({
    tenant,
    phase,
    since: z.iso.datetime().nullable().describe("Null: the tenant has never left Chroma."),
    settings,
    journal: z
      .object({
        changes: count,
        in_flight: count,
        failing: count,
        oldest_seconds: count.nullable(),
        failure: z.string().nullable().describe("Why the last attempt failed."),
      })
      .describe("Recorded changes that the other side does not have yet."),
    compared,
    findings: z.record(z.string(), count).describe("Findings that are not resolved, by kind."),
    reads,
    next: z
      .object({ phase, conditions: z.array(condition) })
      .nullable()
      .describe("The next phase and what it requires. Null: the last phase."),
  })
  .openapi("Cutover");

export const cutoverSummarySchema = z
  .object({
    tenant,
    phase,
    since: z.iso.datetime(),
    settings,
    journal: z.object({ changes: count, failing: count, oldest_seconds: count.nullable() }),
    compared,
    findings: count,
    reads: z.object({ compared: count, agreement: share.nullable() }),
    next: phase.nullable(),
  })
  .openapi("CutoverSummary");

export const advanceSchema = z
  .strictObject({
    namespace: z.string().min(1).max(200).optional().describe("For the first phase. Default: the only namespace."),
    to: z.enum(["mirror", "shadow", "cairn", "done"]).optional().describe("Default: the next phase."),
    force: z.boolean().optional().describe("Enters the phase although conditions are not met. It is recorded which."),
    settle_seconds: z.number().min(0).max(3_600).optional(),
    min_reads: z.int().min(0).max(1_000_000_000).optional(),
    min_agreement: share.optional(),
  })
  .openapi("CutoverAdvance", { example: { min_reads: 500 } });

export const backSchema = z
  .strictObject({
    to: z.enum(["chroma", "mirror", "shadow"]).optional().describe("Default: the phase before."),
    force: z
      .boolean()
      .optional()
      .describe("Goes from done to chroma, after the tenant's data was written back to Chroma. Default false."),
  })
  .openapi("CutoverBack", { example: { to: "shadow" } });

export const settingsSchema = z
  .strictObject({
    strict: z
      .boolean()
      .nullable()
      .optional()
      .describe(
        "Answers a write that Chroma has accepted only when Cairn has it, and 503 if that takes longer than 5 s.",
      ),
    sample: share.nullable().optional().describe("Share of the reads that are compared. Null: the default."),
  })
  .openapi("CutoverSettings", { example: { strict: true, sample: 0.5 } });

export function toAdvanceOptions(body: z.infer<typeof advanceSchema>): AdvanceOptions {
  const { namespace, to, force, settle_seconds, min_reads: minReads, min_agreement: minAgreement } = body;
  const settleMs = settle_seconds === undefined ? undefined : 1_000 * settle_seconds;
  const limits = Object.entries({ settleMs, minReads, minAgreement }).filter(([, value]) => value !== undefined);
  return { namespace, to, force, limits: Object.fromEntries(limits) as Partial<ConditionLimits> };
}

export function fromStatus({ journal, compared: result, since, next, ...status }: CutoverStatus) {
  const { inFlight, oldestSeconds, ...rest } = journal;
  return {
    ...status,
    next: next && { phase: next.phase, conditions: [...next.conditions] },
    since: since?.toISOString() ?? null,
    journal: { ...rest, in_flight: inFlight, oldest_seconds: oldestSeconds },
    compared: fromCompared(result),
  };
}

export function fromSummary({ journal, compared: result, since, ...summary }: CutoverSummary) {
  const { oldestSeconds, ...rest } = journal;
  return {
    ...summary,
    since: since.toISOString(),
    journal: { ...rest, oldest_seconds: oldestSeconds },
    compared: fromCompared(result),
  };
}

function fromCompared(result: ComparedResult | null) {
  if (!result) return null;
  const { startedAt, finishedAt, ...counts } = result;
  return { started_at: startedAt, finished_at: finishedAt, ...counts };
}
