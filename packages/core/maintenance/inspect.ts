import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import { type IndexPlan, indexPlan } from "../collection/index-settings.ts";
import type { Database, Orm } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import type { IndexKind } from "../index/indexed-range.ts";
import { type Attempt, readAttempt } from "./attempt.ts";
import type { SegmentRange } from "./segment-range.ts";

export interface CollectionIndex {
  readonly name: string;
  readonly kind: IndexKind;
  readonly first: number;
  readonly last: number;
  /** `IndexPlan` and `BuildNotes` of an index of vectors, and what was `asked` for; `{ language }` of a keyword index. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly state: "building" | "valid" | "retired";
  /** Rows in its segments when it was built. */
  readonly rows: number;
  /** Seconds that the build took. */
  readonly seconds: number | null;
  /** Whether Postgres has it, complete. */
  readonly usable: boolean;
  /** Bytes. */
  readonly size: number;
  /** Searches that used it. */
  readonly scans: number;
}

/** A collection with what its maintenance depends on. */
export interface Inspection {
  readonly collection: Collection;
  /** What it should be indexed by; undefined while nobody knows its dimensions, and where pgvector has no index for it. */
  readonly plan: IndexPlan | undefined;
  readonly indexes: readonly CollectionIndex[];
  /** Rows a segment, in their order. */
  readonly segments: readonly { readonly segment: number; readonly rows: number }[];
  readonly openSegment: number;
  /** The build that was tried last, where it did not come to its end. */
  readonly attempt: Attempt | undefined;
}

/** Looks at one collection. Counts its rows, so it is for maintenance and not for requests. Throws `not_found`. */
export function inspectCollection(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
): Promise<Inspection> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, nameOrId);
    const [open] = await selectRows<{ segment: number }>(
      orm,
      sql`SELECT open_segment AS segment FROM cairn.collections WHERE tenant_id = ${tenantId}::uuid AND id = ${collection.id}::uuid`,
    );
    const segments = await selectRows<{ segment: number; rows: number }>(
      orm,
      sql`SELECT segment, count(*)::float8 AS rows FROM cairn.documents WHERE ${inCollection(collection)}
          GROUP BY segment ORDER BY segment`,
    );
    const listed = await selectRows<Listed>(
      orm,
      sql`SELECT name, kind, first_segment AS first, last_segment AS last, settings, state, rows::float8 AS rows, seconds
          FROM cairn.collection_indexes
          WHERE tenant_id = ${tenantId}::uuid AND collection_id = ${collection.id}::uuid
          ORDER BY first_segment, kind DESC`,
    );
    const present = await lookUpIndexes(
      orm,
      listed.map(({ name }) => name),
    );
    const indexes = listed.map((index) => ({ ...index, ...(present.get(index.name) ?? ABSENT) }));
    const { dimensions, metric, indexSettings } = collection;
    return {
      collection,
      plan: dimensions === null ? undefined : indexPlan(indexSettings, { dimensions, metric }),
      indexes,
      segments,
      openSegment: open?.segment ?? 0,
      attempt: await readAttempt(orm, collection),
    };
  });
}

/** What a vector index was to be made with: the memory there was, or a vector, can have stood in the way. */
export function askedFor(settings: CollectionIndex["settings"]): CollectionIndex["settings"] {
  return { ...settings, ...(settings.asked as object | undefined) };
}

type Present = Pick<CollectionIndex, "usable" | "size" | "scans">;
type Listed = Omit<CollectionIndex, keyof Present>;

const ABSENT: Present = { usable: false, size: 0, scans: 0 };

/** What Postgres knows of them, by name. Not in one statement with a table: Citus would ask the worker's catalogue. */
async function lookUpIndexes(orm: Orm, names: readonly string[]): Promise<ReadonlyMap<string, Present>> {
  const rows = await selectRows<Present & { name: string }>(
    orm,
    sql`SELECT n.name, x.indisvalid AS usable, pg_relation_size(x.indexrelid)::float8 AS size,
               coalesce(s.idx_scan, 0)::float8 AS scans
        FROM unnest(${sql.param(names)}::text[]) AS n (name)
        JOIN pg_index AS x ON x.indexrelid = to_regclass('cairn.' || quote_ident(n.name))
        LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = x.indexrelid`,
  );
  return new Map(rows.map(({ name, ...present }) => [name, present]));
}

/** The vector indexes that serve, in order, with the rows that their segments have now. */
export function servingRanges({ indexes, segments }: Inspection): readonly SegmentRange[] {
  return indexes
    .filter(({ kind, state, usable }) => kind === "vector" && state === "valid" && usable)
    .map(({ first, last }) => ({ first, last, rows: rowsWithin(segments, first, last) }));
}

/** Rows that are in no graph: compared one by one, by their bits where the tail has an index. */
export function tailOf(inspection: Inspection): number {
  const rows = inspection.segments.reduce((sum, segment) => sum + segment.rows, 0);
  return servingRanges(inspection).reduce((left, range) => left - range.rows, rows);
}

export function rowsWithin(segments: Inspection["segments"], first: number, last: number): number {
  return segments.reduce(
    (sum, { segment, rows }) => (segment >= first && segment <= last ? sum + rows : sum),
    0,
  );
}
