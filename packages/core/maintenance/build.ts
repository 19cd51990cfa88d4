import { randomBytes, randomInt } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { type IndexPlan, TAIL_PLAN } from "../collection/index-settings.ts";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { indexedExpression, operatorClass, within } from "../search/candidates.ts";
import { keywordExpression } from "../search/keyword.ts";
import { type BuildNotes, type IndexedRange, type IndexKind, LAST_SEGMENT } from "../search/target.ts";
import { endAttempt, OUT_OF_RANGE } from "./attempt.ts";
import { recallByBits } from "./bits.ts";
import type { CollectionIndex } from "./inspect.ts";
import type { Stretch } from "./segments.ts";
import { type SizeOptions, sizeBuild } from "./size.ts";
import { type Build, type Trial, trials } from "./trials.ts";
import { type Tuned, tuneSearch } from "./tune.ts";

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

/**
 * Builds the indexes of a stretch beside whatever serves it now, without blocking a writer, then lets searches use
 * them instead. What they supersede is left as `retired`. Only under the lease: one build at a time.
 */
export async function buildStretch(
  database: Database,
  build: Build,
  options: BuildOptions = {},
): Promise<Built> {
  const byBits = await recallByBits(database, build.collection, build.stretch);
  for (const trial of trials(build, byBits)) {
    const built = await tryTrial(database, build, trial, options);
    if (built) return built;
  }
  throw new Error("The last trial of a build succeeds or fails with an error of its own.");
}

/** Undefined where the next trial is to be made. */
async function tryTrial(
  database: Database,
  { collection, stretch }: Build,
  { plan, notes, hasTail, isLast }: Trial,
  options: BuildOptions,
): Promise<Built | undefined> {
  const size = { plan, rows: stretch.rows, dimensions: collection.dimensions as number };
  const { plan: sized, settings } = await sizeBuild(database, size, options);
  const vector = plannedIndex("vector", collection, stretch, {
    ...sized,
    ...notes,
    ...newNotes(sized),
  });
  const keyword = plannedIndex("keyword", collection, stretch, { language: collection.language });
  const { leaf, tail } = await prepare(database, collection, stretch, {
    planned: [vector, keyword],
    tailPlan: hasTail ? { ...TAIL_PLAN, ...newNotes(TAIL_PLAN) } : undefined,
  });
  const planned = tail ? [vector, keyword, tail] : [vector, keyword];
  const started = performance.now();
  let tuned: Tuned;
  const give = (statements: readonly string[]) => database.maintain(statements, settings, options.signal);
  try {
    await give([
      `ANALYZE ${leaf} (tenant_id, collection_id, segment)`,
      vectorIndex(vector, leaf, collection),
    ]);
    // The graph is asked while the others are built: four seconds, and the other processor's.
    tuned = await beside(
      tuneSearch(database, collection, { ...vector, plan: vector.settings }),
      give([keywordIndex(keyword, leaf, collection), ...(tail ? [vectorIndex(tail, leaf, collection)] : [])]),
    );
    if (tuned.coarse && !isLast) {
      await dropIndexes(database, collection, planned);
      return undefined;
    }
  } catch (error) {
    // Whoever ended it has no time to lose; the next run drops what is left.
    if (!options.signal?.aborted) await dropIndexes(database, collection, planned);
    if (isLast || !hasSqlState(error, OUT_OF_RANGE)) throw error;
    return undefined;
  }
  const seconds = (performance.now() - started) / 1000;
  await publish(database, collection, { stretch, planned, tuned, seconds });
  return { rows: stretch.rows, seconds };
}

/** What `work` gives. Both have ended when this does, whichever failed: what was begun is not dropped under it. */
async function beside<T>(work: Promise<T>, other: Promise<unknown>): Promise<T> {
  await Promise.allSettled([work, other]);
  await other;
  return work;
}

type VectorSettings = IndexedRange["plan"];

/** See `within`, and of bits `indexedExpression`. */
function newNotes({ precision }: IndexPlan): Pick<BuildNotes, "mark" | "stored"> {
  return { mark: randomInt(1, 2 ** 31), ...(precision === "bit" && { stored: true }) };
}

/** An index that is about to be built. */
interface PlannedIndex<Settings extends object = object> extends Stretch {
  readonly kind: IndexKind;
  readonly name: string;
  readonly settings: Settings;
}

function plannedIndex<Settings extends object>(
  kind: IndexKind,
  { id }: Collection,
  { first, last, rows }: Stretch,
  settings: Settings,
): PlannedIndex<Settings> {
  const name = `${kind}_${id.replaceAll("-", "")}_${randomBytes(4).toString("hex")}`;
  return { kind, name, settings, first, last, rows };
}

/**
 * Closes the open segment where the stretch ends with it, and writes down what is about to be built: where the tail begins
 * behind it, the tail's index, too, if there is to be one. Returns that and the partition.
 */
function prepare(
  database: Database,
  collection: Collection,
  stretch: Stretch,
  {
    planned,
    tailPlan,
  }: { readonly planned: readonly PlannedIndex[]; readonly tailPlan: VectorSettings | undefined },
): Promise<{ readonly leaf: string; readonly tail: PlannedIndex<VectorSettings> | undefined }> {
  const { tenantId, id } = collection;
  return asTenant(database, tenantId, async ({ orm }) => {
    const [open] = await selectRows<{ segment: number }>(
      orm,
      sql`UPDATE cairn.collections SET open_segment = greatest(open_segment, ${stretch.last}::int + 1)
          WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}
          RETURNING open_segment AS segment`,
    );
    const first = stretch.last + 1;
    const tail =
      tailPlan && open?.segment === first
        ? plannedIndex("tail", collection, { first, last: LAST_SEGMENT, rows: 0 }, tailPlan)
        : undefined;
    for (const { kind, name, settings, first, last, rows } of tail ? [...planned, tail] : planned)
      await orm.execute(sql`
        INSERT INTO cairn.collection_indexes
          (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
        VALUES (${uuidLiteral(tenantId)}, ${uuidLiteral(id)}, ${name}, ${kind}, ${first}::int, ${last}::int,
                ${JSON.stringify(settings)}::jsonb, 'building', ${rows}::bigint)`);
    // From the catalogue: a row knows its partition, too, but by the name of its shard where Citus distributes them.
    const [row] = await selectRows<{ leaf: string }>(
      orm,
      sql`SELECT inhrelid::regclass::text AS leaf
          FROM (SELECT *, count(*) OVER ()::int AS modulus FROM pg_inherits WHERE inhparent = 'cairn.documents'::regclass) AS i
          JOIN pg_class AS c ON c.oid = inhrelid
          WHERE satisfies_hash_partition(
            inhparent, modulus, substring(c.relname FROM '[0-9]+$')::int, ${uuidLiteral(tenantId)})`,
    );
    return { leaf: (row as { leaf: string }).leaf, tail };
  });
}

/** From here on searches use the new indexes. Those that they cover are retired, and the tail's where it ends or has a new one. */
function publish(
  database: Database,
  collection: Collection,
  {
    stretch,
    planned,
    tuned,
    seconds,
  }: {
    readonly stretch: Stretch;
    readonly planned: readonly PlannedIndex[];
    /** By which the index of vectors is searched, unless the collection has settings of its own. */
    readonly tuned: Tuned;
    readonly seconds: number;
  },
): Promise<void> {
  const { tenantId, id } = collection;
  const names = planned.map(({ name }) => name);
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
    const lastOfTails = planned.some(({ kind }) => kind === "tail") ? LAST_SEGMENT : stretch.last;
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'retired'
      WHERE ${mine} AND state = 'valid'
        AND CASE kind WHEN 'tail' THEN first_segment <= ${lastOfTails}::int
            ELSE first_segment >= ${stretch.first}::int AND last_segment <= ${stretch.last}::int END`);
    await orm.execute(sql`
      UPDATE cairn.collection_indexes SET state = 'valid', seconds = ${seconds}::float8,
        settings = settings || CASE kind WHEN 'vector' THEN ${JSON.stringify(tuned)}::jsonb
                               WHEN 'tail' THEN ${JSON.stringify({ reranked: tuned.reranked })}::jsonb ELSE '{}' END
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

function vectorIndex(index: PlannedIndex<VectorSettings>, leaf: string, collection: Collection): string {
  const { type, precision, m, efConstruction, lists } = index.settings;
  const options = type === "hnsw" ? `m = ${m}, ef_construction = ${efConstruction}` : `lists = ${lists}`;
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${leaf}
    USING ${type} (${indexedExpression(collection, index.settings)} ${operatorClass(collection.metric, precision)}) WITH (${options})
    WHERE ${predicate(collection.id, index)}`;
}

function keywordIndex(index: PlannedIndex, leaf: string, { id, language }: Collection): string {
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${leaf} USING gin (${keywordExpression(language)})
    WHERE ${predicate(id, index)}`;
}

/** In the words of `inCollection` and `within`, or Postgres would not see that the index serves. */
function predicate(collectionId: string, { first, last, settings }: PlannedIndex<{ mark?: number }>): string {
  return `collection_id = '${collectionId}'::uuid AND ${within({ first, last, plan: settings })}`;
}
