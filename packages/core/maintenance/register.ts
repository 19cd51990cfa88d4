import { sql } from "drizzle-orm";
import { type Collection, inCollection, isCollection } from "../collection/collection.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { storedSettings, tailAccuracy } from "../index/accuracy.ts";
import { LAST_SEGMENT } from "../index/segments.ts";
import { endAttempt } from "./attempt.ts";
import type { Calibration } from "./calibrate.ts";
import type { CollectionIndex } from "./inspect.ts";
import { type PlannedIndex, planIndex, type VectorSettings } from "./planned-index.ts";
import type { SegmentRange } from "./segment-range.ts";

// The indexes of a collection in cairn.collection_indexes: building, valid and retired.

/**
 * Registers the indexes of a build, and closes the open segment if the segment range ends with it. If the tail follows the
 * range, `tailPlan` adds the tail's index. Returns that index and the name of the partition.
 */
export function registerBuild(
  database: Database,
  collection: Collection,
  range: SegmentRange,
  { planned, tailPlan }: { readonly planned: readonly PlannedIndex[]; readonly tailPlan: VectorSettings | undefined },
): Promise<{ readonly partition: string; readonly tail: PlannedIndex<VectorSettings> | undefined }> {
  const { tenantId, id } = collection;
  return asTenant(database, tenantId, async ({ orm }) => {
    const [open] = await orm.selectRows<{ segment: number }>(sql`
          UPDATE cairn.collections SET open_segment = greatest(open_segment, ${range.last}::int + 1)
          WHERE ${isCollection(collection)}
          RETURNING open_segment AS segment`);
    const first = range.last + 1;
    const tail =
      tailPlan && open?.segment === first
        ? planIndex("tail", collection, { first, last: LAST_SEGMENT, rows: 0 }, tailPlan)
        : undefined;
    for (const { kind, name, settings, first, last, rows } of tail ? [...planned, tail] : planned)
      await orm.execute(sql`
        INSERT INTO cairn.collection_indexes
          (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
        VALUES (${uuidLiteral(tenantId)}, ${uuidLiteral(id)}, ${name}, ${kind}, ${first}::int, ${last}::int,
                ${JSON.stringify(storedSettings(settings))}::jsonb, 'building', ${rows}::bigint)`);
    // From the catalogue: with Citus, the tableoid of a row names its shard instead of its partition.
    const [row] = await orm.selectRows<{ partition: string }>(sql`SELECT inhrelid::regclass::text AS partition
          FROM (SELECT *, count(*) OVER ()::int AS modulus FROM pg_inherits WHERE inhparent = 'cairn.documents'::regclass) AS i
          JOIN pg_class AS c ON c.oid = inhrelid
          WHERE satisfies_hash_partition(
            inhparent, modulus, substring(c.relname FROM '[0-9]+$')::int, ${uuidLiteral(tenantId)})`);
    return { partition: (row as { partition: string }).partition, tail };
  });
}

/** Makes searches use the new indexes. Retires the indexes that they cover, and the tail's index if it is closed or replaced. */
export function publish(
  database: Database,
  collection: Collection,
  {
    range,
    planned,
    calibration,
    seconds,
  }: {
    readonly range: SegmentRange;
    readonly planned: readonly PlannedIndex[];
    /** Search settings of the vector index, unless the collection sets its own. */
    readonly calibration: Calibration;
    readonly seconds: number;
  },
): Promise<void> {
  const names = planned.map(({ name }) => name);
  return asTenant(database, collection.tenantId, async (transaction) => {
    const { orm } = transaction;
    const valid = await orm.selectRows<{ valid: boolean }>(sql`SELECT indisvalid AS valid FROM pg_index
          WHERE indexrelid IN (${sql.join(
            names.map((name) => sql`to_regclass('cairn.' || quote_ident(${name}))`),
            sql`, `,
          )})`);
    if (valid.filter((index) => index.valid).length < names.length)
      throw new AppError(
        "database_error",
        "The index build failed: Postgres left an index invalid. The next run drops it and builds it again.",
      );
    const lastRetiredTail = planned.some(({ kind }) => kind === "tail") ? LAST_SEGMENT : range.last;
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'retired'
      WHERE ${inCollection(collection)} AND state = 'valid'
        AND CASE WHEN kind = 'tail' THEN first_segment <= ${lastRetiredTail}::int
            ELSE first_segment >= ${range.first}::int AND last_segment <= ${range.last}::int END`);
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'valid', seconds = ${seconds}::float8,
        settings = settings || CASE WHEN kind = 'vector' THEN ${JSON.stringify(storedSettings(calibration))}::jsonb
                               WHEN kind = 'tail' THEN ${JSON.stringify(storedSettings({ accuracy: tailAccuracy(calibration.accuracy) }))}::jsonb ELSE '{}' END
      WHERE ${inCollection(collection)} AND name = ANY(${sql.param(names)}::text[])`);
    await touch(transaction, collection);
    await endAttempt(transaction, collection);
  });
}

/** Changes the version of the collection's row, so that cached search targets are read again. */
async function touch({ orm }: Transaction, collection: Collection): Promise<void> {
  await orm.execute(
    sql`UPDATE cairn.collections SET open_segment = open_segment
        WHERE ${isCollection(collection)}`,
  );
}

/** Drops indexes in three steps: retire, drop, unregister. It can be interrupted at any point and repeated. */
export async function dropIndexes(
  database: Database,
  collection: Collection,
  indexes: readonly Pick<CollectionIndex, "name">[],
): Promise<void> {
  const names = indexes.map(({ name }) => name);
  const condition = sql`${inCollection(collection)} AND name = ANY(${sql.param(names)}::text[])`;
  await asTenant(database, collection.tenantId, async (transaction) => {
    await transaction.orm.execute(sql`UPDATE cairn.collection_indexes SET state = 'retired' WHERE ${condition}`);
    await touch(transaction, collection);
  });
  await database.maintain(names.map(dropStatement));
  await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.execute(sql`DELETE FROM cairn.collection_indexes WHERE ${condition}`),
  );
}

/** `name` comes from `planIndex`, or from the catalogue by its pattern, so it needs no quoting. */
export function dropStatement(name: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS cairn.${name}`;
}
