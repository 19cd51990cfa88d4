import type { MetricFamily, MetricSample } from "@cairn/api/telemetry/metric-family.ts";
import type { MetricSource } from "@cairn/api/telemetry/metrics.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { type CutoverSummary, listStatus } from "../cutover/list.ts";
import type { Forward } from "../forward.ts";
import { PHASES } from "../phase.ts";
import type { RequestEvent } from "../shadow/statistics/event.ts";
import type { RequestStatistics } from "../shadow/statistics/statistics.ts";

/** Tenants with values of their own. The others share the label `other`. */
const MAX_TENANTS = 20;

/** Milliseconds for reading the journals. */
const TIMEOUT_MS = 2_000;

/** Statuses of a proxy in front of Chroma, or of a server that is not ready. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503, 504]);

/** Counts what the gateway of a process does. */
export function createGatewayMetrics(database: Database) {
  const reads = new Map<string, MetricSample>();
  const writes = new Map<string, MetricSample>();
  let isChromaUp: boolean | undefined;

  function count(event: RequestEvent): void {
    if (event.kind === "write") add(writes, { side: event.side, outcome: event.outcome });
    else if (event.side === "chroma") add(reads, { kind: event.kind, outcome: event.outcome });
  }

  async function read(): Promise<readonly MetricFamily[]> {
    const up = isChromaUp === undefined ? [] : [{ labels: {}, value: Number(isChromaUp) }];
    return [
      gauge("cairn_chroma_up", "Whether the last request of this process to Chroma was answered.", up),
      counter("cairn_cutover_reads_total", "Compared reads of this process.", [...reads.values()]),
      counter("cairn_cutover_writes_total", "Writes of this process, by the side that answered or followed.", [
        ...writes.values(),
      ]),
      ...(await readJournals(database)),
    ];
  }

  return {
    read: read satisfies MetricSource,
    /** The statistics, which are counted here too. */
    countRequests: (statistics: RequestStatistics): RequestStatistics => ({
      ...statistics,
      record(event) {
        count(event);
        statistics.record(event);
      },
    }),
    /** The sender, whose last result is remembered. */
    watch(forward: Forward): Forward {
      return async (request) => {
        try {
          const response = await forward(request);
          isChromaUp = !UNAVAILABLE.has(response.status);
          return response;
        } catch (error) {
          isChromaUp = false;
          throw error;
        }
      };
    },
  };
}

function add(samples: Map<string, MetricSample>, labels: Readonly<Record<string, string>>): void {
  const key = Object.values(labels).join(" ");
  samples.set(key, { labels, value: (samples.get(key)?.value ?? 0) + 1 });
}

/** The state of all tenants in the database. Empty if the database does not answer: the metrics of the process are still read then. */
async function readJournals(database: Database): Promise<readonly MetricFamily[]> {
  const tenants = await listStatus(withTimeLimit(database, TIMEOUT_MS)).catch(() => undefined);
  if (!tenants) return [];
  const deepest = tenants
    .filter(({ journal }) => journal.changes > 0)
    .toSorted((a, b) => b.journal.changes - a.journal.changes);
  const [first, others] = [deepest.slice(0, MAX_TENANTS), deepest.slice(MAX_TENANTS)];
  const samples = (sum: (journals: readonly CutoverSummary[]) => number): readonly MetricSample[] => [
    ...first.map((summary) => ({ labels: { tenant: summary.tenant.id }, value: sum([summary]) })),
    { labels: { tenant: "other" }, value: sum(others) },
  ];
  const total = (of: readonly CutoverSummary[], read: (summary: CutoverSummary) => number) =>
    of.reduce((sum, summary) => sum + read(summary), 0);
  return [
    gauge(
      "cairn_cutover_tenants",
      "Tenants of the cut-over in each phase.",
      PHASES.map((phase) => ({ labels: { phase }, value: tenants.filter((tenant) => tenant.phase === phase).length })),
    ),
    gauge(
      "cairn_cutover_journal_changes",
      `Changes that the other side does not have yet, of the ${MAX_TENANTS} tenants with the most and of the others.`,
      samples((of) => total(of, ({ journal }) => journal.changes)),
    ),
    gauge(
      "cairn_cutover_journal_failing",
      "Those of them that failed and are tried again.",
      samples((of) => total(of, ({ journal }) => journal.failing)),
    ),
    gauge(
      "cairn_cutover_journal_oldest_seconds",
      "Seconds since the oldest of them was recorded.",
      samples((of) => Math.max(0, ...of.map(({ journal }) => journal.oldestSeconds ?? 0))),
    ),
    gauge("cairn_cutover_findings", "Findings that are not resolved.", [
      { labels: {}, value: total(tenants, ({ findings }) => findings) },
    ]),
  ];
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, help, type: "gauge", samples };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, help, type: "counter", samples };
}
