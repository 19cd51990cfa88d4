import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { supportsBinary } from "../index/settings.ts";
import { sampleRows } from "./sample.ts";
import type { SegmentRange } from "./segment-range.ts";

/** Rows of the sample, and how many of them are queries. */
const SAMPLE_ROWS = 2_000;
const QUERIES = 50;

/** Nearest rows by binary distance among which the neighbors are looked for. */
const CANDIDATES = 50;

/**
 * Recall of binary quantization in a sample: the mean share of a row's ten nearest rows that are among its 50 nearest by binary
 * distance. It is measured before any index is built. Chance gives 0.025, for example if no element is negative. The sample of
 * a large range is so sparse that the ten nearest rows are far away; the recall is then lower than that of a search.
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
      const [row] = await orm.selectRows<{ recall: number }>(recallStatement(collection, range));
      return row?.recall ?? 0;
    },
    settings,
  );
}

/** Rows of equal binary distance count at the largest rank among them. */
function recallStatement(collection: Collection, range: SegmentRange): SQL {
  return sql`
    WITH sample AS MATERIALIZED (
      SELECT row_number() OVER () AS n, embedding, binary_quantize(embedding) AS bits
      FROM ${sampleRows(collection, range, SAMPLE_ROWS)}
    )
    SELECT coalesce(avg((near.by_bits <= ${CANDIDATES}::int)::int), 0)::float8 AS recall
    FROM (SELECT * FROM sample ORDER BY n * 7919 % 2003 LIMIT ${QUERIES}::int) AS query -- spread over the sample
    CROSS JOIN LATERAL (
      SELECT row_number() OVER (ORDER BY other.embedding <=> query.embedding) AS nearest,
             count(*) OVER (ORDER BY other.bits <~> query.bits) AS by_bits
      FROM sample AS other WHERE other.n <> query.n
    ) AS near
    WHERE near.nearest <= 10`;
}
