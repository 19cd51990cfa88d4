import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { type FilterInput, searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";

export interface CountOptions extends FilterInput {
  readonly collection?: string;
}

export interface DocumentCount {
  /** Documents (ids) with a passage that matches. */
  readonly documents: number;
  /** Passages (rows) that match. */
  readonly passages: number;
}

/** The number of documents and passages in the collection that match the filters. */
export async function countDocuments(
  database: Database,
  tenantId: string,
  options: CountOptions = {},
): Promise<DocumentCount> {
  const filter = searchFilter(options);
  const work = async ({ orm }: Transaction) => {
    const collection = await requireCollection(orm, tenantId, options.collection);
    const statement = filter ? countMatching(collection, filter.matches) : countAll(collection);
    const [count] = await orm.selectRows<DocumentCount>(statement);
    return count ?? { documents: 0, passages: 0 };
  };
  return scanText(filter?.readsText === true, (settings) => asTenant(database, tenantId, work, settings));
}

/** Counts through indexes alone. The first passages have one of their own, `documents_sequence`. */
export function countAll(collection: Collection): SQL {
  return sql`
    SELECT (SELECT count(*) FROM cairn.documents WHERE ${inCollection(collection)} AND chunk = 0)::float8 AS documents,
           (SELECT count(*) FROM cairn.documents WHERE ${inCollection(collection)})::float8 AS passages`;
}

function countMatching(collection: Collection, matches: SQL): SQL {
  return sql`
    SELECT count(*)::float8 AS documents, coalesce(sum(passages), 0)::float8 AS passages
    FROM (SELECT count(*) AS passages FROM cairn.documents
          WHERE ${inCollection(collection)} AND ${matches} GROUP BY id) AS matching`;
}
