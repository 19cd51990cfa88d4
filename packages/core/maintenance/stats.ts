import { sql } from "drizzle-orm";
import { listCollections } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";

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
}

/** What each of a tenant's collections holds. Reads every row, so it is for people and schedules, not for requests. */
export async function collectionStats(
  database: Database,
  tenantId: string,
): Promise<readonly CollectionStats[]> {
  const stats: CollectionStats[] = [];
  for (const collection of await listCollections(database, tenantId)) {
    const [counts] = await asTenant(database, tenantId, ({ orm }) =>
      selectRows<{ documents: number; passages: number; vectors: number; size: number }>(
        orm,
        sql`SELECT count(*) FILTER (WHERE chunk = 0)::float8 AS documents, count(*)::float8 AS passages,
                   count(embedding)::float8 AS vectors, coalesce(sum(pg_column_size(d.*)), 0)::float8 AS size
            FROM cairn.documents AS d WHERE ${inCollection(collection)}`,
      ),
    );
    const { name, embeddingModel: model, dimensions, metric } = collection;
    stats.push({
      collection: name,
      model,
      dimensions,
      metric,
      documents: 0,
      passages: 0,
      vectors: 0,
      size: 0,
      ...counts,
    });
  }
  return stats;
}
