import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { supportsBinary } from "../collection/index-settings.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { sampleRows } from "./sample.ts";
import type { SegmentRange } from "./segment-range.ts";

/** Rows that the bits are tried on, and how many of them are asked for. */
const SAMPLE = 2_000;
const ASKED = 50;

/** Of so many nearest by their bits. */
const CANDIDATES = 50;

/**
 * The mean share of a row's ten nearest in a sample that are among its nearest by bits: how far the signs of a range's
 * vectors tell them apart, seen before any index is built. By chance it is 0.025, as where no element is negative. Of a
 * large range the sample is so thin that the ten are no neighbours: then it is lower than what a search will find.
 */
export async function measureBinaryRecall(
  database: Database,
  collection: Collection,
  range: SegmentRange,
): Promise<number> {
  if (!supportsBinary(collection)) return 0;
  const settings = { jit: "off", enable_seqscan: "off" };
  return asTenant(
    database,
    collection.tenantId,
    async ({ orm }) => {
      const [row] = await selectRows<{ recall: number }>(orm, tried(collection, range));
      return row?.recall ?? 0;
    },
    settings,
  );
}

/** Ties count as far away. */
function tried(collection: Collection, range: SegmentRange): SQL {
  return sql`
    WITH sample AS MATERIALIZED (
      SELECT row_number() OVER () AS n, embedding, binary_quantize(embedding) AS bits
      FROM ${sampleRows(collection, range, SAMPLE)}
    )
    SELECT coalesce(avg((near.by_bits <= ${CANDIDATES}::int)::int), 0)::float8 AS recall
    FROM (SELECT * FROM sample ORDER BY n * 7919 % 2003 LIMIT ${ASKED}::int) AS asked -- some from everywhere
    CROSS JOIN LATERAL (
      SELECT row_number() OVER (ORDER BY other.embedding <=> asked.embedding) AS nearest,
             count(*) OVER (ORDER BY other.bits <~> asked.bits) AS by_bits
      FROM sample AS other WHERE other.n <> asked.n
    ) AS near
    WHERE near.nearest <= 10`;
}
