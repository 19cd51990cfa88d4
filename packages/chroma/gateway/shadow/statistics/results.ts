import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { Side } from "../../phase.ts";
import type { ReadOutcome } from "./event.ts";
import { addLatency, emptyLatency, latencyPercentile } from "./latency.ts";

/** Milliseconds; null: no read. */
export interface LatencyPercentiles {
  readonly p50: number | null;
  readonly p95: number | null;
}

/** The compared reads of a tenant. */
export interface ShadowResults {
  /** Reads with a result: `agreed`, `missed` and `differed` together. */
  readonly compared: number;
  readonly agreed: number;
  /** Cairn returned the true nearest records, and Chroma's index missed some. */
  readonly missed: number;
  readonly differed: number;
  /** Reads whose records were in flight. */
  readonly excluded: number;
  /** Reads that Cairn did not answer in time, or that could not be compared. */
  readonly failed: number;
  /** Reads that were sampled, and for which there was no room. */
  readonly dropped: number;
  /** Share of `compared` that agreed or that Chroma's index missed, 0 to 1. Null: nothing was compared. */
  readonly agreement: number | null;
  /** Latency of the reads that have a result. */
  readonly latency: Readonly<Record<Side, LatencyPercentiles>>;
}

/** The results of a tenant's compared reads since a time, to the minute. */
export async function readShadowResults(
  database: Database,
  tenantId: string,
  { since }: { readonly since: Date },
): Promise<ShadowResults> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<OutcomeRow>(sql`
      SELECT side, outcome, sum(count)::float8 AS requests, jsonb_agg(count ORDER BY bucket) AS latency
      FROM (
        SELECT side, outcome, bucket, sum(count) AS count
        FROM cairn.cutover_requests, unnest(latency) WITH ORDINALITY AS bucket (count, bucket)
        WHERE tenant_id = ${uuidLiteral(tenantId)} AND kind <> 'write'
          AND minute >= date_trunc('minute', ${since.toISOString()}::timestamptz)
        GROUP BY side, outcome, bucket) AS buckets
      GROUP BY side, outcome`),
  );
  return summarizeReads(rows);
}

/** Reads of one side and outcome. */
export interface OutcomeRow {
  readonly side: Side;
  readonly outcome: string;
  readonly requests: number;
  /** Counts of each latency bucket. */
  readonly latency: readonly number[];
}

const COMPARED: readonly string[] = ["agreed", "missed", "differed"] satisfies ReadOutcome[];

/** The results of reads by side and outcome. Chroma's side has one request for each read. */
export function summarizeReads(rows: readonly OutcomeRow[]): ShadowResults {
  const countOf = (outcome: ReadOutcome) =>
    rows.reduce((sum, row) => sum + (row.side === "chroma" && row.outcome === outcome ? row.requests : 0), 0);
  const [agreed, missed, differed] = [countOf("agreed"), countOf("missed"), countOf("differed")];
  const compared = agreed + missed + differed;
  return {
    ...{ compared, agreed, missed, differed },
    excluded: countOf("excluded"),
    failed: countOf("failed"),
    dropped: countOf("dropped"),
    agreement: compared === 0 ? null : (agreed + missed) / compared,
    latency: { chroma: percentilesOf(rows, "chroma"), cairn: percentilesOf(rows, "cairn") },
  };
}

function percentilesOf(rows: readonly OutcomeRow[], side: Side): LatencyPercentiles {
  const counts = rows
    .filter((row) => row.side === side && COMPARED.includes(row.outcome))
    .reduce((sum, { latency }) => addLatency(sum, latency), emptyLatency());
  return { p50: latencyPercentile(counts, 0.5), p95: latencyPercentile(counts, 0.95) };
}
