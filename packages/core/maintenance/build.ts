import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { type IndexPlan, widerPlan } from "../collection/index-settings.ts";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { keywordExpression } from "../search/keyword.ts";
import { indexedExpression, operatorClass } from "../search/vector.ts";
import { endAttempt, OUT_OF_RANGE } from "./attempt.ts";
import { askedFor, type CollectionIndex } from "./inspect.ts";
import type { Stretch } from "./segments.ts";
import { type SizeOptions, sizeBuild } from "./size.ts";

export interface BuildOptions extends SizeOptions {
  /** Builds over more rows are left to who has the time for them, see `rowsBuiltIn`. Default: none are. */
  readonly mostRows?: number;
  readonly signal?: AbortSignal;
}

/** Rows of 1,536 dimensions that are indexed in so many milliseconds without a helper. Source: docs/benchmarks.md. */
export function rowsBuiltIn(milliseconds: number): number {
  return Math.floor(milliseconds);
}

export interface Built {
  readonly rows: number;
  readonly seconds: number;
}

/** What is to be built: of this collection by this plan, over these segments. */
export interface Build {
  readonly collection: Collection;
  readonly plan: IndexPlan;
  readonly stretch: Stretch;
  /** That the collection has: what did not fit 16-bit floats before is not tried in them again. */
  readonly indexes: readonly CollectionIndex[];
}

/**
 * Builds the indexes of a stretch beside whatever serves it now, without blocking a writer, then lets searches use
 * them instead. What they supersede is left as `retired`. Vectors that 16-bit floats cannot hold are indexed whole,
 * where their dimensions allow it. Only under the lease: one build at a time.
 */
export async function buildStretch(
  database: Database,
  build: Build,
  options: BuildOptions = {},
): Promise<Built> {
  const { plan, stretch, indexes, collection } = build;
  const wider = widerPlan(plan, collection.dimensions as number);
  const overflowed = indexes.some(
    ({ first, last, settings }) =>
      first <= stretch.last &&
      last >= stretch.first &&
      settings.precision === "vector" &&
      askedFor(settings).precision === "halfvec",
  );
  if (wider && overflowed) return buildAs(database, build, wider, options);
  try {
    return await buildAs(database, build, plan, options);
  } catch (error) {
    if (!wider || !hasSqlState(error, OUT_OF_RANGE)) throw error;
    return buildAs(database, build, wider, options);
  }
}

async function buildAs(
  database: Database,
  { collection, plan: asked, stretch }: Build,
  plan: IndexPlan,
  options: BuildOptions,
): Promise<Built> {
  const size = { plan, rows: stretch.rows, dimensions: collection.dimensions as number };
  const { plan: sized, settings } = await sizeBuild(database, size, options);
  const { precision, lists } = asked;
  const built = {
    vector: { name: indexName("vector", collection), settings: { ...sized, asked: { precision, lists } } },
    keyword: { name: indexName("keyword", collection), settings: { language: collection.language } },
  };
  const names = Object.values(built);
  const leaf = await prepare(database, collection, stretch, built);
  const started = performance.now();
  const statements = [
    `ANALYZE ${leaf} (tenant_id, collection_id, segment)`,
    vectorIndex(built.vector.name, leaf, collection, sized, stretch),
    keywordIndex(built.keyword.name, leaf, collection, stretch),
  ];
  try {
    await database.maintain(statements, settings, options.signal);
  } catch (error) {
    // Whoever ended it has no time to lose; the next run drops what is left.
    if (!options.signal?.aborted) await dropIndexes(database, collection, names);
    throw error;
  }
  const seconds = (performance.now() - started) / 1000;
  await publish(
    database,
    collection,
    stretch,
    names.map(({ name }) => name),
    seconds,
  );
  return { rows: stretch.rows, seconds };
}

type Names = Readonly<Record<"vector" | "keyword", { readonly name: string; readonly settings: object }>>;

/** Closes the open segment where the stretch ends with it, and writes down what is about to be built. Returns the partition. */
function prepare(
  database: Database,
  collection: Collection,
  stretch: Stretch,
  built: Names,
): Promise<string> {
  const { tenantId, id } = collection;
  return asTenant(database, tenantId, async ({ orm }) => {
    await orm.execute(sql`
      UPDATE cairn.collections SET open_segment = open_segment + 1
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)} AND open_segment = ${stretch.last}::int`);
    for (const [kind, { name, settings }] of Object.entries(built))
      await orm.execute(sql`
        INSERT INTO cairn.collection_indexes
          (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
        VALUES (${uuidLiteral(tenantId)}, ${uuidLiteral(id)}, ${name}, ${kind}, ${stretch.first}::int, ${stretch.last}::int,
                ${JSON.stringify(settings)}::jsonb, 'building', ${stretch.rows}::bigint)`);
    // From the catalogue: a row knows its partition, too, but by the name of its shard where Citus distributes them.
    const [row] = await selectRows<{ leaf: string }>(
      orm,
      sql`SELECT inhrelid::regclass::text AS leaf
          FROM (SELECT *, count(*) OVER ()::int AS modulus FROM pg_inherits WHERE inhparent = 'cairn.documents'::regclass) AS i
          JOIN pg_class AS c ON c.oid = inhrelid
          WHERE satisfies_hash_partition(
            inhparent, modulus, substring(c.relname FROM '[0-9]+$')::int, ${uuidLiteral(tenantId)})`,
    );
    return (row as { leaf: string }).leaf;
  });
}

/** From here on searches use the new indexes; the ones that they cover are retired. */
function publish(
  database: Database,
  collection: Collection,
  stretch: Stretch,
  names: readonly string[],
  seconds: number,
): Promise<void> {
  const { tenantId, id } = collection;
  const mine = sql`tenant_id = ${uuidLiteral(tenantId)} AND collection_id = ${uuidLiteral(id)}`;
  return asTenant(database, tenantId, async (transaction) => {
    const { orm } = transaction;
    const valid = await selectRows<{ valid: boolean }>(
      orm,
      sql`SELECT indisvalid AS valid FROM pg_index
          WHERE indexrelid IN (${sql.join(
            names.map((name) => sql`to_regclass('cairn.' || quote_ident(${name}))`),
            sql`, `,
          )})`,
    );
    if (valid.filter((index) => index.valid).length < names.length)
      throw new AppError(
        "database_error",
        "Postgres left an index invalid. It is dropped and built again at the next run.",
      );
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'retired'
      WHERE ${mine} AND state = 'valid' AND first_segment >= ${stretch.first}::int AND last_segment <= ${stretch.last}::int`);
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'valid', seconds = ${seconds}::float8
      WHERE ${mine} AND name = ANY(${sql.param(names)}::text[])`);
    await touch(transaction, collection);
    await endAttempt(transaction, collection);
  });
}

/** Whoever remembers how to search the collection looks again. */
async function touch({ orm }: Transaction, { tenantId, id }: Collection): Promise<void> {
  await orm.execute(
    sql`UPDATE cairn.collections SET open_segment = open_segment
        WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`,
  );
}

/** Takes indexes out of use, drops them and forgets them, in that order: broken off anywhere, it can be done again. */
export async function dropIndexes(
  database: Database,
  collection: Collection,
  indexes: readonly Pick<CollectionIndex, "name">[],
): Promise<void> {
  const names = indexes.map(({ name }) => name);
  const which = sql`tenant_id = ${uuidLiteral(collection.tenantId)} AND collection_id = ${uuidLiteral(collection.id)}
                    AND name = ANY(${sql.param(names)}::text[])`;
  await asTenant(database, collection.tenantId, async (transaction) => {
    await transaction.orm.execute(sql`UPDATE cairn.collection_indexes SET state = 'retired' WHERE ${which}`);
    await touch(transaction, collection);
  });
  await database.maintain(names.map(dropStatement));
  await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.execute(sql`DELETE FROM cairn.collection_indexes WHERE ${which}`),
  );
}

/** Names are of indexName's making, or read from the catalogue by its pattern. */
export function dropStatement(name: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS cairn.${name}`;
}

function indexName(kind: "vector" | "keyword", { id }: Collection): string {
  return `${kind}_${id.replaceAll("-", "")}_${randomBytes(4).toString("hex")}`;
}

function vectorIndex(
  name: string,
  leaf: string,
  { id, metric, dimensions }: Collection,
  plan: IndexPlan,
  stretch: Stretch,
): string {
  const expression = indexedExpression(plan.precision, dimensions as number);
  const options =
    plan.type === "hnsw"
      ? `m = ${plan.m}, ef_construction = ${plan.efConstruction}`
      : `lists = ${plan.lists}`;
  return `CREATE INDEX CONCURRENTLY ${name} ON ${leaf}
    USING ${plan.type} (${expression} ${operatorClass(metric, plan.precision)}) WITH (${options})
    WHERE ${predicate(id, stretch)}`;
}

function keywordIndex(name: string, leaf: string, { id, language }: Collection, stretch: Stretch): string {
  return `CREATE INDEX CONCURRENTLY ${name} ON ${leaf} USING gin (${keywordExpression(language)})
    WHERE ${predicate(id, stretch)}`;
}

/** In the words of `inCollection` and `within`, or Postgres would not see that the index serves. */
function predicate(collectionId: string, { first, last }: Stretch): string {
  return `collection_id = '${collectionId}'::uuid AND segment >= ${first} AND segment <= ${last}`;
}
