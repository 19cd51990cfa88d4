import { sql } from "drizzle-orm";
import { type Collection, inCollection, isCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database, Orm } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { readSettings, type StoredSettings } from "../index/accuracy.ts";
import type { IndexKind } from "../index/indexed-range.ts";
import { type IndexPlan, indexPlan } from "../index/settings.ts";
import { type Attempt, readAttempt } from "./attempt.ts";
import type { SegmentRange } from "./segment-range.ts";

export interface CollectionIndex {
  readonly name: string;
  readonly kind: IndexKind;
  readonly first: number;
  readonly last: number;
  /** As stored, see `readSettings`. Of a vector index: `IndexPlan` and `BuildNotes`. Of a keyword index: `{ language }`. */
  readonly settings: Readonly<Record<string, unknown>> & StoredSettings;
  readonly state: "building" | "valid" | "retired";
  /** Rows in its segments at build time. */
  readonly rows: number;
  /** Duration of the build in seconds. */
  readonly seconds: number | null;
  /** Whether the index exists in Postgres and is valid. */
  readonly usable: boolean;
  /** Bytes. */
  readonly size: number;
  /** Index scans so far. */
  readonly scans: number;
}

/** A collection with the state that its maintenance depends on. */
export interface Inspection {
  readonly collection: Collection;
  /** Planned index settings. Undefined while its dimensions are unknown, or if pgvector has no index for it. */
  readonly plan: IndexPlan | undefined;
  readonly indexes: readonly CollectionIndex[];
  /** Rows of each segment, in order. */
  readonly segments: readonly { readonly segment: number; readonly rows: number }[];
  readonly openSegment: number;
  /** The last build, if it is unfinished. */
  readonly attempt: Attempt | undefined;
}

/** Reads the state of a collection. Counts its rows, so it is for maintenance and not for requests. Throws `not_found`. */
export function inspectCollection(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
): Promise<Inspection> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, nameOrId);
    const [open] = await orm.selectRows<{ segment: number }>(
      sql`SELECT open_segment AS segment FROM cairn.collections WHERE ${isCollection(collection)}`,
    );
    const segments = await orm.selectRows<{ segment: number; rows: number }>(sql`
          SELECT segment, count(*)::float8 AS rows FROM cairn.documents WHERE ${inCollection(collection)}
          GROUP BY segment ORDER BY segment`);
    const registered = await orm.selectRows<RegisteredIndex>(sql`
          SELECT name, kind, first_segment AS first, last_segment AS last, settings, state, rows::float8 AS rows, seconds
          FROM cairn.collection_indexes
          WHERE ${inCollection(collection)}
          ORDER BY first_segment, kind DESC`);
    const states = await readCatalogue(
      orm,
      registered.map(({ name }) => name),
    );
    return {
      collection,
      plan: planOf(collection),
      indexes: registered.map((index) => withState(index, states)),
      segments,
      openSegment: open?.segment ?? 0,
      attempt: await readAttempt(orm, collection),
    };
  });
}

/** The planned index settings of a collection. Undefined while its dimensions are unknown, or if pgvector has no index for it. */
export function planOf({ dimensions, metric, indexSettings }: Collection): IndexPlan | undefined {
  return dimensions === null ? undefined : indexPlan(indexSettings, { dimensions, metric });
}

/** A registered index with its state in the catalogue. */
export function withState(index: RegisteredIndex, states: ReadonlyMap<string, CatalogueState>): CollectionIndex {
  return { ...index, ...(states.get(index.name) ?? MISSING) };
}

/** The settings of a vector index, with those that were requested where its own differ. */
export function requestedSettings(settings: CollectionIndex["settings"]): CollectionIndex["settings"] {
  return { ...settings, ...readSettings(settings).requested };
}

export type CatalogueState = Pick<CollectionIndex, "usable" | "size" | "scans">;
export type RegisteredIndex = Omit<CollectionIndex, keyof CatalogueState>;

const MISSING: CatalogueState = { usable: false, size: 0, scans: 0 };

/** The catalogue's state of indexes, by name. Read without joining a table: Citus would read the worker's catalogue. */
export async function readCatalogue(orm: Orm, names: readonly string[]): Promise<ReadonlyMap<string, CatalogueState>> {
  const rows = await orm.selectRows<CatalogueState & { name: string }>(sql`
        SELECT n.name, x.indisvalid AS usable, pg_relation_size(x.indexrelid)::float8 AS size,
               coalesce(s.idx_scan, 0)::float8 AS scans
        FROM unnest(${sql.param(names)}::text[]) AS n (name)
        JOIN pg_index AS x ON x.indexrelid = to_regclass('cairn.' || quote_ident(n.name))
        LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = x.indexrelid`);
  return new Map(rows.map(({ name, ...state }) => [name, state]));
}

/** Segment ranges of the vector indexes in use, in order, with their current rows. */
export function servingRanges({ indexes, segments }: Inspection): readonly SegmentRange[] {
  return indexes
    .filter(({ kind, state, usable }) => kind === "vector" && state === "valid" && usable)
    .map(({ first, last }) => ({ first, last, rows: rowsWithin(segments, first, last) }));
}

/** Rows that no HNSW or IVFFlat index covers. A search compares each of them, by binary distance if the tail has an index. */
export function tailOf(inspection: Inspection): number {
  const rows = inspection.segments.reduce((sum, segment) => sum + segment.rows, 0);
  return servingRanges(inspection).reduce((rest, range) => rest - range.rows, rows);
}

export function rowsWithin(segments: Inspection["segments"], first: number, last: number): number {
  return segments.reduce((sum, { segment, rows }) => (segment >= first && segment <= last ? sum + rows : sum), 0);
}
