import { randomUUID } from "node:crypto";
import type { Difference } from "@cairn/chroma/gateway/shadow/compare/outcome.ts";
import type { RequestEvent } from "@cairn/chroma/gateway/shadow/statistics/event.ts";
import { emptyLatency, latencyBucket } from "@cairn/chroma/gateway/shadow/statistics/latency.ts";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { encodeJson, type JsonObject } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { randomFrom } from "./random-documents.ts";

/** A tenant of a cut-over in the real tables. Minutes count back from now. */
export interface CutoverTenant {
  readonly name: string;
  readonly phase: string;
  /** Minutes in the phase. */
  readonly minutes?: number;
  readonly compared?: object;
  readonly requests?: readonly CutoverRequests[];
  /** Ages of the changes that are not replicated. */
  readonly changes?: readonly { readonly minutes: number; readonly attempts?: number }[];
  readonly findings?: readonly CutoverFinding[];
  readonly events?: readonly {
    readonly minutes: number;
    readonly from: string;
    readonly to: string;
    readonly overridden?: readonly string[];
  }[];
  readonly disagreements?: readonly CutoverDisagreement[];
}

interface CutoverRequests extends Pick<RequestEvent, "kind" | "side" | "outcome"> {
  readonly minutes: number;
  /** Latency of each request. */
  readonly milliseconds: readonly number[];
}

interface CutoverFinding {
  readonly recordId?: string;
  readonly kind: string;
  readonly side: "chroma" | "cairn";
  readonly detail: string;
  readonly occurrences?: number;
  readonly isResolved?: boolean;
}

interface CutoverDisagreement {
  readonly kind: string;
  readonly agreement: number;
  readonly detail: Difference & { readonly outcome: string; readonly counts?: object };
}

/** Adds tenants to the cut-over. Returns their ids. Each has one collection, `knowledge`. */
export async function addCutoverTenants(
  database: Database,
  tenants: readonly CutoverTenant[],
): Promise<readonly string[]> {
  const { id: namespaceId } = await createNamespace(database, { name: `cutover-${randomUUID()}`, settings: {} });
  const ids: string[] = [];
  for (const tenant of tenants) {
    const { id } = await createTenant(database, { name: tenant.name });
    await asAdmin(database, ({ orm }) => addTenant(orm, tenant, { id, namespaceId, collectionId: randomUUID() }));
    ids.push(id);
  }
  return ids;
}

interface Ids {
  readonly id: string;
  readonly namespaceId: string;
  readonly collectionId: string;
}

const ago = (minutes: number) => sql`now() - make_interval(secs => ${minutes * 60}::float8)`;

async function addTenant(orm: Orm, tenant: CutoverTenant, { id, namespaceId, collectionId }: Ids): Promise<void> {
  const { phase, minutes = 60, compared, changes = [], events = [], findings = [], disagreements = [] } = tenant;
  await orm.execute(sql`
    INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase, since, compared)
    VALUES (${id}::uuid, ${namespaceId}::uuid, ${phase}, ${ago(minutes)}, ${compared ? JSON.stringify(compared) : null}::jsonb)`);
  await orm.execute(sql`
    INSERT INTO cairn.cutover_collections (tenant_id, collection_id, chroma_id, chroma_tenant, chroma_database, name)
    VALUES (${id}::uuid, ${collectionId}::uuid, ${collectionId}::uuid, 'default_tenant', 'default_database', 'knowledge')`);
  for (const requests of tenant.requests ?? []) await addRequests(orm, id, requests);
  for (const change of changes)
    await orm.execute(sql`
      INSERT INTO cairn.changes (tenant_id, collection_id, ids, attempts, created_at)
      VALUES (${id}::uuid, ${collectionId}::uuid, '{a}', ${change.attempts ?? 0}::int, ${ago(change.minutes)})`);
  for (const event of events)
    await orm.execute(sql`
      INSERT INTO cairn.cutover_events (tenant_id, at, from_phase, to_phase, overridden)
      VALUES (${id}::uuid, ${ago(event.minutes)}, ${event.from}, ${event.to}, ${JSON.stringify(event.overridden ?? [])}::jsonb)`);
  for (const { recordId = "", kind, side, detail, occurrences = 1, isResolved = false } of findings)
    await orm.execute(sql`
      INSERT INTO cairn.cutover_findings (tenant_id, collection_id, record_id, kind, side, detail, occurrences, resolved_at)
      VALUES (${id}::uuid, ${collectionId}::uuid, ${recordId}, ${kind}, ${side}, ${detail}, ${occurrences}::int,
              CASE WHEN ${isResolved}::boolean THEN now() END)`);
  for (const { kind, agreement, detail } of disagreements)
    await orm.execute(sql`
      INSERT INTO cairn.cutover_disagreements (tenant_id, collection_id, kind, agreement, detail)
      VALUES (${id}::uuid, ${collectionId}::uuid, ${kind}, ${agreement}::float8, ${encodeJson(detail as unknown as JsonObject)}::jsonb)`);
}

async function addRequests(
  orm: Orm,
  id: string,
  { minutes, kind, side, outcome, milliseconds }: CutoverRequests,
): Promise<void> {
  const latency = emptyLatency();
  for (const value of milliseconds) latency[latencyBucket(value)] = (latency[latencyBucket(value)] ?? 0) + 1;
  await orm.execute(sql`
    INSERT INTO cairn.cutover_requests (tenant_id, minute, kind, side, outcome, requests, latency)
    VALUES (${id}::uuid, date_trunc('minute', ${ago(minutes)}), ${kind}, ${side}, ${outcome}, ${milliseconds.length}::bigint,
            ${sql.param(latency)}::bigint[])`);
}

const random = randomFrom(7);

/** Compared reads of some hours, each with both sides. `differing`: in how many minutes one read differs. */
export function exampleReads(minutes: number, { differing = 0, missing = 0 } = {}): readonly CutoverRequests[] {
  return Array.from({ length: minutes }, (_, minute): readonly CutoverRequests[] => {
    const reads = Math.round(12 + 9 * Math.sin(minute / 25) + random() * 8);
    const latencies = (center: number) => Array.from({ length: reads }, () => center * (0.5 + random() ** 4 * 6));
    const event = { kind: "query", minutes: minute + 1 } as const;
    const both = (outcome: "agreed" | "differed" | "missed", [chroma, cairn]: readonly [number[], number[]]) => [
      { ...event, outcome, side: "chroma" as const, milliseconds: chroma },
      { ...event, outcome, side: "cairn" as const, milliseconds: cairn },
    ];
    return [
      ...both("agreed", [latencies(9), latencies(4)]),
      ...(minute < differing ? both("differed", [[12], [5]]) : []),
      ...(minute % 3 === 0 && minute < missing ? both("missed", [[14], [6]]) : []),
    ];
  }).flat();
}

const writes = (side: "chroma" | "cairn", count: number): readonly CutoverRequests[] => [
  { kind: "write", side, outcome: "ok", minutes: 12, milliseconds: Array<number>(count).fill(18) },
  { kind: "write", side, outcome: "refused", minutes: 12, milliseconds: [4, 4, 5] },
  { kind: "write", side, outcome: "unknown", minutes: 40, milliseconds: [30_500] },
];

const hits = (...entries: readonly (readonly [string, number])[]) =>
  entries.map(([id, distance]) => ({ id, distance }));

const EXACT = hits(
  ["handbook/returns#4", 0.18214],
  ["handbook/returns#2", 0.20991],
  ["faq/refund-after-30-days", 0.2415],
  ["mail/2025-03-11/1881", 0.2533],
  ["handbook/shipping#1", 0.26102],
);
const MISSED = hits(
  ["handbook/returns#4", 0.18214],
  ["faq/refund-after-30-days", 0.2415],
  ["mail/2025-03-11/1881", 0.2533],
  ["handbook/shipping#1", 0.26102],
  ["faq/damaged-on-arrival", 0.2788],
);

/** An invented cut-over with a tenant in each phase. */
export const EXAMPLE_CUTOVER: readonly CutoverTenant[] = [
  {
    name: "Fernweh Books",
    phase: "shadow",
    minutes: 3_100,
    compared: {
      startedAt: "2026-11-28T02:00:11Z",
      finishedAt: "2026-11-28T02:14:40Z",
      collections: 3,
      records: 184_220,
      written: 2,
      deleted: 0,
      refused: 1,
      bypassed: 2,
      identical: false,
    },
    requests: [
      ...exampleReads(170, { differing: 4, missing: 120 }),
      ...writes("chroma", 412),
      { kind: "query", side: "chroma", outcome: "excluded", minutes: 20, milliseconds: [7, 8, 9] },
    ],
    changes: [{ minutes: 0.2 }, { minutes: 0.1 }],
    findings: [
      {
        recordId: "catalog/9781234567897",
        kind: "bypass",
        side: "chroma",
        detail: "The text and the metadata differ. The record was written to Chroma without the gateway.",
        occurrences: 2,
      },
      {
        recordId: "mail/2024-12-24/7",
        kind: "refused",
        side: "cairn",
        detail: "Its vector is all zeros, so it has no direction to compare.",
        occurrences: 14,
      },
      {
        recordId: "catalog/0",
        kind: "bypass",
        side: "chroma",
        detail: "The record is in Cairn and not in Chroma.",
        isResolved: true,
      },
    ],
    events: [
      { minutes: 3_100, from: "mirror", to: "shadow", overridden: ["compared_identical"] },
      { minutes: 4_600, from: "chroma", to: "mirror" },
    ],
    disagreements: [
      {
        kind: "get",
        agreement: 0.5,
        detail: {
          outcome: "differed",
          kind: "records",
          onlyInChroma: ["catalog/9781234567897"],
          onlyInCairn: [],
          differing: [{ id: "catalog/9780987654321", fields: ["document", "metadata"] }],
        },
      },
      {
        kind: "query",
        agreement: 0.8,
        detail: {
          outcome: "differed",
          kind: "hits",
          query: 0,
          limit: 5,
          isFiltered: true,
          chroma: EXACT,
          cairn: MISSED,
          exact: EXACT,
          differing: [],
        },
      },
      {
        kind: "count",
        agreement: 0.9999,
        detail: { outcome: "differed", kind: "count", chroma: 184_221, cairn: 184_220 },
      },
      {
        kind: "query",
        agreement: 0.8,
        detail: {
          outcome: "missed",
          kind: "hits",
          query: 2,
          limit: 5,
          isFiltered: false,
          chroma: MISSED,
          cairn: EXACT,
          exact: EXACT,
          differing: [],
        },
      },
    ],
  },
  {
    name: "Kontor 9",
    phase: "mirror",
    minutes: 95,
    requests: writes("chroma", 88),
    changes: [{ minutes: 41, attempts: 6 }, { minutes: 3 }, { minutes: 1 }],
    events: [{ minutes: 95, from: "chroma", to: "mirror" }],
  },
  {
    name: "Halde Outdoor",
    phase: "cairn",
    minutes: 700,
    requests: [...exampleReads(120), ...writes("cairn", 1_290)],
    events: [
      { minutes: 700, from: "shadow", to: "cairn" },
      { minutes: 2_900, from: "mirror", to: "shadow" },
      { minutes: 2_980, from: "chroma", to: "mirror" },
    ],
    compared: {
      startedAt: "2026-11-30T01:00:00Z",
      finishedAt: "2026-11-30T01:03:12Z",
      collections: 1,
      records: 41_877,
      written: 0,
      deleted: 0,
      refused: 0,
      bypassed: 0,
      identical: true,
    },
  },
  { name: "Lumen Clinic", phase: "chroma", minutes: 12_000 },
  { name: "Orrery", phase: "done", minutes: 20_000, events: [{ minutes: 20_000, from: "cairn", to: "done" }] },
];
