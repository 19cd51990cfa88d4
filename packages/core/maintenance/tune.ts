import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import type { IndexedRange } from "../search/target.ts";
import { neighboursStatement, vectorSettings } from "../search/vector.ts";
import { sampleRows } from "./sample.ts";

/** What ef_search is raised to where the least finds too little, and what it is held against. */
interface Ladder {
  readonly steps: readonly number[];
  readonly against: number;
  /** Where no step finds enough. */
  readonly else: number;
}

/** By floats, which order as the vectors do: what a graph misses it misses by its links. */
const BY_FLOATS: Ladder = { steps: [130, 160, 200], against: 300, else: 300 };

/** By bits, where ef_search is also how many are re-ranked. More than the last step are slower than 16-bit floats. */
const BY_BITS: Ladder = { steps: [110, 130, 160, 200], against: 400, else: 400 };

/** Share of the neighbours that the ladder's end finds which must be found. */
const ENOUGH = 0.992;

/** Rows whose neighbours are looked for: a tenth of all, no fewer and no more than so many. */
const FEWEST = 20;
const MOST = 300;

export interface Tuned {
  readonly efSearch: number;
  /** Whether a search finds by it what the index can find. */
  readonly enough: boolean;
}

/**
 * The ef_search by which a graph that was just built gives what it holds. How many clusters of neighbours a search misses
 * differs from one build to the next (2 to 15 of 1,000 by the same settings), and how well bits order is the vectors'
 * own, so it is measured: a second or two of work.
 */
export async function tuneSearch(
  database: Database,
  collection: Collection,
  index: IndexedRange,
): Promise<Tuned> {
  const { type, precision, efSearch } = index.plan;
  if (type !== "hnsw") return { efSearch, enough: true };
  const ladder = precision === "bit" ? BY_BITS : BY_FLOATS;
  const asked = await sampleKeys(database, collection, index);
  const look = (ef: number) =>
    findNeighbours(database, collection, { ...index, plan: { ...index.plan, efSearch: ef } }, asked);
  const all = await look(ladder.against);
  const steps =
    precision === "bit" ? ladder.steps : [efSearch, ...ladder.steps.filter((step) => step > efSearch)];
  for (const ef of steps) if (share(await look(ef), all) >= ENOUGH) return { efSearch: ef, enough: true };
  return { efSearch: Math.max(ladder.else, efSearch), enough: false };
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
    vectorSettings({ kind: "index", indexes: [index] }, { topK: 10 }),
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
