import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { type IndexPlan, tailPlan } from "../collection/index-settings.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { sampleRows } from "./sample.ts";
import type { Stretch } from "./segments.ts";

/** Rows that the bits are tried on, and how many of them are asked for. */
const SAMPLE = 2_000;
const ASKED = 50;

/** Of so many nearest by their bits; a search compares twice as many whole. */
const CANDIDATES = 50;

/** Share of the ten nearest that must be among them. */
const ENOUGH = 0.99;

/**
 * How the tail behind a stretch is to be indexed: undefined where whole vectors are compared instead. Bits tell nothing
 * of vectors without negative elements, say, so they are tried on the stretch's own rows first.
 */
export async function planTail(
  database: Database,
  collection: Collection,
  stretch: Stretch,
): Promise<IndexPlan | undefined> {
  const { dimensions, metric } = collection;
  const plan = tailPlan({ dimensions: dimensions as number, metric });
  return plan && (await recallByBits(database, collection, stretch)) >= ENOUGH ? plan : undefined;
}

/** The mean share of a row's ten nearest in a sample that are among its nearest by bits; ties count as far away. */
function recallByBits(database: Database, collection: Collection, stretch: Stretch): Promise<number> {
  const settings = { jit: "off", enable_seqscan: "off" };
  return asTenant(
    database,
    collection.tenantId,
    async ({ orm }) => {
      const [row] = await selectRows<{ recall: number }>(orm, tried(collection, stretch));
      return row?.recall ?? 0;
    },
    settings,
  );
}

function tried(collection: Collection, stretch: Stretch): SQL {
  return sql`
    WITH sample AS MATERIALIZED (
      SELECT row_number() OVER () AS n, embedding, binary_quantize(embedding) AS bits
      FROM ${sampleRows(collection, stretch, SAMPLE)}
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
