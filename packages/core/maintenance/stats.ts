import { sql } from "drizzle-orm";
import { listCollections } from "../collection/get.ts";
import { type RecentLatency, recentLatency } from "../collection/latency.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { type Due, findDue } from "./due.ts";
import { type CollectionIndex, type Inspection, inspectCollection, tailOf } from "./inspect.ts";

export interface CollectionStats {
  readonly collection: string;
  readonly model: string | null;
  readonly dimensions: number | null;
  readonly metric: string;
  /** Ids. */
  readonly documents: number;
  /** Rows. */
  readonly passages: number;
  /** Rows that search can find. */
  readonly vectors: number;
  /** Bytes of its rows, without indexes. */
  readonly size: number;
  /** Its own, whatever their state. */
  readonly indexes: readonly CollectionIndex[];
  /** Rows written since the last index was built: every search compares with each of them, by its bits where the tail has an index. */
  readonly tail: number;
  /** What maintenance would do next, and why. */
  readonly due: Due;
  /** Rows of deleted and replaced documents that VACUUM has not removed yet; of the partition, which tenants share. */
  readonly deadRows: number;
  /** Of this process; null where it has searched nothing. */
  readonly latency: RecentLatency | null;
}

/** What each of a tenant's collections holds. Reads every row, so it is for people and schedules, not for requests. */
export async function collectionStats(
  database: Database,
  tenantId: string,
): Promise<readonly CollectionStats[]> {
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
      due: findDue(inspection),
      latency: recentLatency(database, id),
    });
  }
  return stats;
}

type Counts = Pick<CollectionStats, "documents" | "passages" | "vectors" | "size" | "deadRows">;

async function countRows(database: Database, { collection }: Inspection): Promise<Counts> {
  const [counts] = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<Counts>(
      orm,
      sql`SELECT count(*) FILTER (WHERE chunk = 0)::float8 AS documents, count(*)::float8 AS passages,
                 count(embedding)::float8 AS vectors, coalesce(sum(pg_column_size(d.*)), 0)::float8 AS size,
                 coalesce((SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = min(d.tableoid::int8)::oid), 0)::float8
                   AS "deadRows"
          FROM cairn.documents AS d WHERE ${inCollection(collection)}`,
    ),
  );
  return counts ?? { documents: 0, passages: 0, vectors: 0, size: 0, deadRows: 0 };
}
