import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { listCollections } from "../collection/get.ts";
import { type RecentLatency, recentLatency } from "../collection/latency.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { type CollectionIndex, type Inspection, inspectCollection, tailOf } from "./inspect.ts";
import { findPendingWork, type PendingWork } from "./pending-work.ts";

export interface CollectionStats {
  readonly collection: string;
  readonly model: string | null;
  readonly dimensions: number | null;
  readonly metric: string;
  /** Number of document ids. */
  readonly documents: number;
  /** Number of rows. */
  readonly passages: number;
  /** Rows with a vector. */
  readonly vectors: number;
  /** Bytes of the rows, without indexes. */
  readonly size: number;
  /** The collection's indexes in any state. */
  readonly indexes: readonly CollectionIndex[];
  /** Rows that no HNSW or IVFFlat index covers. A search compares each of them, by binary distance if the tail has an index. */
  readonly tail: number;
  /** Pending index work, and why. */
  readonly due: PendingWork;
  /** Dead rows of the partition, which tenants share: deleted or replaced, and not removed by VACUUM yet. */
  readonly deadRows: number;
  /** Latency of searches in this process. Null if there were none. */
  readonly latency: RecentLatency | null;
}

/** Statistics of a tenant's collections. Reads every row, so it is for operators and schedules, not for requests. */
export async function collectionStats(database: Database, tenantId: string): Promise<readonly CollectionStats[]> {
  const stats: CollectionStats[] = [];
  for (const { id } of await listCollections(database, tenantId)) {
    const inspection = await inspectCollection(database, tenantId, id);
    const { name, embeddingModel: model, dimensions, metric } = inspection.collection;
    stats.push({
      collection: name,
      model,
      dimensions,
      metric,
      ...(await countRows(database, inspection)),
      indexes: inspection.indexes,
      tail: tailOf(inspection),
      due: findPendingWork(inspection),
      latency: recentLatency(database, id),
    });
  }
  return stats;
}

type Counts = Pick<CollectionStats, "documents" | "passages" | "vectors" | "size" | "deadRows">;

async function countRows(database: Database, { collection }: Inspection): Promise<Counts> {
  const [counts] = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<Counts>(sql`
          SELECT count(*) FILTER (WHERE chunk = 0)::float8 AS documents, count(*)::float8 AS passages,
                 count(embedding)::float8 AS vectors, coalesce(sum(pg_column_size(d.*)), 0)::float8 AS size,
                 coalesce((SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = min(d.tableoid::int8)::oid), 0)::float8
                   AS "deadRows"
          FROM cairn.documents AS d WHERE ${inCollection(collection)}`),
  );
  return counts ?? { documents: 0, passages: 0, vectors: 0, size: 0, deadRows: 0 };
}
