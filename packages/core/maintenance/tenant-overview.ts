import { asc, eq, type SQL, sql } from "drizzle-orm";
import { type Collection, collectionColumns } from "../collection/collection.ts";
import { type RecentLatency, recentLatency } from "../collection/latency.ts";
import type { Database, Orm } from "../database/database.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import type { Attempt } from "./attempt.ts";
import {
  type CollectionIndex,
  type Inspection,
  planOf,
  type RegisteredIndex,
  readCatalogue,
  tailOf,
  withState,
} from "./inspect.ts";
import { findPendingWork, type PendingWork } from "./pending-work.ts";

export interface CollectionOverview {
  readonly collection: Collection;
  /** Number of document ids. */
  readonly documents: number;
  /** Number of rows. */
  readonly passages: number;
  /** Rows with a vector. */
  readonly vectors: number;
  readonly indexes: readonly CollectionIndex[];
  /** Rows that no HNSW or IVFFlat index covers. */
  readonly tail: number;
  readonly due: PendingWork;
  /** Latency of searches in this process. Null if there were none. */
  readonly latency: RecentLatency | null;
}

export interface TenantOverview {
  /** By name. */
  readonly collections: readonly CollectionOverview[];
  /** Embedding tokens of the current UTC day. They are counted only for a tenant with a daily budget. */
  readonly tokensToday: number;
  readonly jobs: {
    readonly inProgress: number;
    /** Jobs that failed within the last 24 hours. */
    readonly failed: number;
  };
}

/**
 * The state of a tenant's collections, as `collectionStats` finds it, in a fixed number of statements however many collections
 * there are. Counts the tenant's rows, so it is for people and schedules. It does not measure bytes.
 */
export async function tenantOverview(database: Database, tenantId: string): Promise<TenantOverview> {
  const { found, counts, indexes, states, ...rest } = await asTenant(database, tenantId, async ({ orm }) => {
    const registered = await readIndexes(orm, tenantId);
    const names = registered.map(({ name }) => name);
    return {
      found: await orm
        .select(collectionColumns)
        .from(collections)
        .where(eq(collections.tenantId, tenantId))
        .orderBy(asc(collections.name)),
      counts: await countSegments(orm, tenantId),
      states: await readStates(orm, tenantId),
      indexes: byCollection(registered, await readCatalogue(orm, names)),
      tokensToday: await readTokens(orm, tenantId),
      jobs: await countJobs(orm, tenantId),
    };
  });
  return {
    ...rest,
    collections: found.map((collection) => {
      const segments = counts.get(collection.id) ?? [];
      const inspection: Inspection = {
        collection,
        plan: planOf(collection),
        indexes: indexes.get(collection.id) ?? [],
        segments,
        openSegment: states.get(collection.id)?.openSegment ?? 0,
        attempt: states.get(collection.id)?.attempt ?? undefined,
      };
      const sum = (key: "rows" | "documents" | "vectors") => segments.reduce((total, row) => total + row[key], 0);
      return {
        collection,
        documents: sum("documents"),
        passages: sum("rows"),
        vectors: sum("vectors"),
        indexes: inspection.indexes,
        tail: tailOf(inspection),
        due: findPendingWork(inspection),
        latency: recentLatency(database, collection.id),
      };
    }),
  };
}

interface SegmentCount {
  readonly id: string;
  readonly segment: number;
  readonly rows: number;
  readonly documents: number;
  readonly vectors: number;
}

async function countSegments(orm: Orm, tenantId: string): Promise<ReadonlyMap<string, readonly SegmentCount[]>> {
  const rows = await orm.selectRows<SegmentCount>(sql`
        SELECT collection_id AS id, segment, count(*)::float8 AS rows,
               count(*) FILTER (WHERE chunk = 0)::float8 AS documents, count(embedding)::float8 AS vectors
        FROM cairn.documents WHERE ${ofTenant(tenantId)}
        GROUP BY collection_id, segment ORDER BY collection_id, segment`);
  return Map.groupBy(rows, ({ id }) => id);
}

interface CollectionState {
  readonly id: string;
  readonly openSegment: number;
  readonly attempt: Attempt | null;
}

async function readStates(orm: Orm, tenantId: string): Promise<ReadonlyMap<string, CollectionState>> {
  const rows = await orm.selectRows<CollectionState>(sql`
        SELECT id, open_segment AS "openSegment",
               index_attempt || jsonb_build_object(
                 'age', extract(epoch FROM now() - (index_attempt->>'begun')::timestamptz)) AS attempt
        FROM cairn.collections WHERE ${ofTenant(tenantId)}`);
  return new Map(rows.map((row) => [row.id, row]));
}

type TenantIndex = RegisteredIndex & { readonly id: string };

function readIndexes(orm: Orm, tenantId: string): Promise<readonly TenantIndex[]> {
  return orm.selectRows<TenantIndex>(sql`
        SELECT collection_id AS id, name, kind, first_segment AS first, last_segment AS last, settings, state,
               rows::float8 AS rows, seconds
        FROM cairn.collection_indexes WHERE ${ofTenant(tenantId)}
        ORDER BY collection_id, first_segment, kind DESC`);
}

/** The indexes of each collection, with their state in the catalogue. */
function byCollection(
  registered: readonly TenantIndex[],
  states: Parameters<typeof withState>[1],
): ReadonlyMap<string, readonly CollectionIndex[]> {
  const groups = Map.groupBy(registered, ({ id }) => id);
  return new Map(
    [...groups].map(([id, group]) => [id, group.map(({ id: _, ...index }) => withState(index, states))] as const),
  );
}

async function readTokens(orm: Orm, tenantId: string): Promise<number> {
  const [row] = await orm.selectRows<{ tokens: number }>(sql`
        SELECT tokens::float8 AS tokens FROM cairn.embedding_usage
        WHERE ${ofTenant(tenantId)} AND day = (now() AT TIME ZONE 'UTC')::date`);
  return row?.tokens ?? 0;
}

async function countJobs(orm: Orm, tenantId: string): Promise<TenantOverview["jobs"]> {
  const [row] = await orm.selectRows<TenantOverview["jobs"]>(sql`
        SELECT count(*) FILTER (WHERE status = 'in_progress')::float8 AS "inProgress",
               count(*) FILTER (WHERE status = 'failed' AND finished_at > now() - interval '1 day')::float8 AS failed
        FROM cairn.jobs WHERE ${ofTenant(tenantId)}`);
  return row ?? { inProgress: 0, failed: 0 };
}

function ofTenant(tenantId: string): SQL {
  return sql`tenant_id = ${uuidLiteral(tenantId)}`;
}
