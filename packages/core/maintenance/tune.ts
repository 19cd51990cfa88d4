import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import type { IndexedRange } from "../search/target.ts";
import { neighboursStatement, vectorSettings } from "../search/vector.ts";
import { sampleRows } from "./sample.ts";

/** What ef_search is raised to where the default finds too little; the last is what it is held against. */
const STEPS = [130, 160, 200, 300];

/** Share of the neighbours that the last step finds which must be found. */
const ENOUGH = 0.992;

/** Rows whose neighbours are looked for: a tenth of all, no fewer and no more than so many. */
const FEWEST = 20;
const MOST = 300;

/**
 * The ef_search by which a graph that was just built gives what it holds. How many clusters of neighbours a search misses
 * differs from one build to the next (2 to 15 of 1,000 by the same settings), so it is measured: a second or two of work.
 */
export async function tuneSearch(
  database: Database,
  collection: Collection,
  index: IndexedRange,
): Promise<number> {
  const { type, precision, efSearch } = index.plan;
  if (type !== "hnsw" || precision === "bit") return efSearch;
  const most = STEPS.at(-1) as number;
  const asked = await sampleKeys(database, collection, index);
  const look = (ef: number) =>
    findNeighbours(database, collection, { ...index, plan: { ...index.plan, efSearch: ef } }, asked);
  const all = await look(most);
  for (const ef of [efSearch, ...STEPS.filter((step) => step > efSearch && step < most)])
    if (share(await look(ef), all) >= ENOUGH) return ef;
  return Math.max(most, efSearch);
}

interface Keys {
  readonly ids: readonly string[];
  readonly chunks: readonly number[];
}

async function sampleKeys(database: Database, collection: Collection, index: IndexedRange): Promise<Keys> {
  const wanted = Math.min(MOST, Math.max(FEWEST, Math.floor(index.rows / 10)));
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ id: string; chunk: number }>(
      orm,
      sql`SELECT id, chunk FROM ${sampleRows(collection, index, wanted)}`,
    ),
  );
  return { ids: rows.map(({ id }) => id), chunks: rows.map(({ chunk }) => chunk) };
}

/** The ten nearest of each row, as its index finds them. */
async function findNeighbours(
  database: Database,
  collection: Collection,
  index: IndexedRange,
  { ids, chunks }: Keys,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asked: SQL = sql`(id, chunk) IN (SELECT * FROM unnest(${sql.param(ids)}::text[], ${sql.param(chunks)}::int[]))`;
  const rows = await asTenant(
    database,
    collection.tenantId,
    ({ orm }) =>
      selectRows<{ row: string; neighbours: readonly string[] }>(
        orm,
        neighboursStatement(collection, index, asked),
      ),
    vectorSettings({ kind: "index", indexes: [index] }, 10),
  );
  return new Map(rows.map(({ row, neighbours }) => [row, neighbours]));
}

function share(
  found: ReadonlyMap<string, readonly string[]>,
  all: ReadonlyMap<string, readonly string[]>,
): number {
  let hits = 0;
  let wanted = 0;
  for (const [row, neighbours] of all) {
    const given = new Set(found.get(row));
    wanted += neighbours.length;
    hits += neighbours.filter((one) => given.has(one)).length;
  }
  return wanted === 0 ? 1 : hits / wanted;
}
