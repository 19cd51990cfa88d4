import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { neighboursStatement } from "../search/candidates.ts";
import type { BuildNotes, IndexedRange } from "../search/target.ts";
import { vectorSettings } from "../search/vector.ts";
import { sampleRows } from "./sample.ts";

/** What ef_search is raised to where the default finds too little; the last is what it is held against. */
const STEPS = [130, 160, 200, 300, 400, 600, 1_000];

/** Rows that are compared whole of what bits give; with more than the last but one a search is slower than by floats. */
const RERANKED = [110, 130, 160, 200];
export const MOST_RERANKED = 400;

/**
 * Share of the neighbours that the last step finds which must be found. Clusters that lie apart are missed by the same
 * questions again and again: where 99.3 % was found of two thousand questions, of two hundred others it was 98.
 */
const ENOUGH = 0.998;

/** The same for what bits give: what is lost here, the graph's misses add to. */
const ENOUGH_BITS = 0.996;

/** Rows whose neighbours are looked for: a tenth of all, no fewer and no more than so many. */
const FEWEST = 20;
const MOST = 250;

export interface Tuned extends Pick<BuildNotes, "reranked" | "coarse"> {
  readonly efSearch: number;
}

/**
 * The ef_search by which a graph that was just built gives what it holds, and of bits how many rows are to be compared
 * whole. How many clusters of neighbours a search misses differs from one build to the next (2 to 30 of 1,000 by the same
 * settings), and how finely bits order is the vectors' own, so both are measured: two seconds of work.
 */
export async function tuneSearch(
  database: Database,
  collection: Collection,
  index: IndexedRange,
): Promise<Tuned> {
  const { type, precision, efSearch } = index.plan;
  if (type !== "hnsw") return { efSearch };
  const most = { efSearch: STEPS.at(-1) as number, reranked: MOST_RERANKED };
  const at = (plan: Partial<typeof most>) => ({
    collection,
    index: { ...index, plan: { ...index.plan, ...plan } },
  });
  const rows = await sampleKeys(database, collection, index);
  const all = await findNeighbours(database, at(most), rows);
  const finds = async (plan: Partial<typeof most>, enough: number) =>
    share(await findNeighbours(database, at(plan), rows), all) >= enough;
  const reranked =
    precision === "bit"
      ? await least([...RERANKED, MOST_RERANKED], (compared) =>
          finds({ ...most, reranked: compared }, ENOUGH_BITS),
        )
      : undefined;
  const first = Math.max(efSearch, reranked ?? 0);
  const steps = [first, ...STEPS.filter((step) => step > first)];
  return {
    efSearch: await least(steps, (ef) => finds({ efSearch: ef, reranked }, ENOUGH)),
    ...(reranked && { reranked }),
    ...(reranked === MOST_RERANKED && { coarse: true as const }),
  };
}

/** The first of the steps that is enough, else the last. */
async function least(
  steps: readonly number[],
  isEnough: (step: number) => Promise<boolean>,
): Promise<number> {
  for (const step of steps.slice(0, -1)) if (await isEnough(step)) return step;
  return steps.at(-1) as number;
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
  { collection, index }: { readonly collection: Collection; readonly index: IndexedRange },
  { ids, chunks }: Keys,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asked = sql`(id, chunk) IN (SELECT * FROM unnest(${sql.param(ids)}::text[], ${sql.param(chunks)}::int[]))`;
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
