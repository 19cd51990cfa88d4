import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import type { BuildNotes, IndexedRange } from "../index/indexed-range.ts";
import { neighboursStatement } from "../search/candidates.ts";
import type { Depth } from "../search/depth.ts";
import { planIndexScan } from "../search/plan.ts";
import { indexSettings } from "../search/settings.ts";
import { sampleRows } from "./sample.ts";

/** What ef_search is raised to where the default finds too little; the last is what it is held against. */
const STEPS = [130, 160, 200, 300, 400, 600, 1_000];

/** Rows that are compared whole of what bits give; with more than the last but one a search is slower than by floats. */
const RERANKED = [100, 110, 130, 160, 200];
const MAX_RERANK = 400;

/**
 * Share of the neighbours that the last step finds which must be found. A question that misses its cluster misses all
 * ten: of the most rows one may, and where by chance none does, 6 of 1,000 others may at 95 % confidence.
 */
const ENOUGH = 0.997;

/** Share of them that must be among the rows that are compared whole. */
const ENOUGH_COMPARED = 0.998;

/** Rows whose neighbours are looked for: a tenth of all, no fewer and no more than so many. */
const FEWEST = 20;
const MAX_SAMPLE = 500;

/** How many of the nearest of all are looked for among how many times as many by their bits. */
const DEPTHS = [400, 200, 100, 50, 20];
const TIMES = 10;
const ENOUGH_DEEP = 0.99;

/** Rows that this is asked for. */
const MAX_DEPTH_SAMPLE = 50;

export interface Calibration extends Pick<BuildNotes, "reranked" | "coarse" | "depth"> {
  readonly efSearch: number;
}

/**
 * The ef_search by which a graph that was just built gives what it holds, and of bits how many rows are to be compared
 * whole. How many clusters of neighbours a search misses differs from one build to the next (2 to 30 of 1,000 by the same
 * settings), and how finely bits order is the vectors' own, so both are measured: four seconds of work.
 */
export async function calibrate(
  database: Database,
  collection: Collection,
  index: IndexedRange,
): Promise<Calibration> {
  const { type, precision, efSearch } = index.plan;
  if (type !== "hnsw") return { efSearch };
  const most = { efSearch: STEPS.at(-1) as number, reranked: MAX_RERANK };
  const at = (plan: Partial<typeof most>) => ({
    collection,
    index: { ...index, plan: { ...index.plan, ...plan } },
  });
  const rows = await sampleKeys(database, collection, index);
  const all = await findNeighbours(database, at(most), { rows });
  const reranked = precision === "bit" ? needed(all) : undefined;
  const first = Math.max(efSearch, reranked ?? 0);
  const steps = [first, ...STEPS.filter((step) => step > first)];
  const enough = await firstEnough(steps, async (ef) =>
    share(await findNeighbours(database, at({ efSearch: ef, reranked }), { rows }), all),
  );
  return {
    efSearch: steps[enough] as number,
    ...(reranked && { reranked }),
    ...(reranked === MAX_RERANK && { coarse: true as const }),
    ...(reranked && { depth: await findDepth(database, at, rows) }),
  };
}

/**
 * So many rows, nearest by their bits, a filter may take a scan that compares a hundred of those it lets through to find
 * ten: among them is, of the nearest of all, a fifth as many, the farther half of these as well. Farther away vectors can be
 * so much alike that signs tell nothing.
 */
async function findDepth(
  database: Database,
  at: (plan: { efSearch: number; reranked: number }) => Tried,
  { ids, chunks }: Keys,
): Promise<number> {
  const nearest = DEPTHS[0] as number;
  const tried = at({ efSearch: STEPS.at(-1) as number, reranked: TIMES * nearest });
  const rows = { ids: ids.slice(0, MAX_DEPTH_SAMPLE), chunks: chunks.slice(0, MAX_DEPTH_SAMPLE) };
  const found = [...(await findNeighbours(database, tried, { rows, nearest })).values()];
  const within = (depth: number) => (TIMES * depth) / 2;
  const isDeep = (depth: number) => {
    if (found.some(({ among }) => among < TIMES * depth)) return false; // the nearest of fewer are not the nearest of all
    const places = found.flatMap((one) => one.places.slice(depth / 2, depth));
    return places.filter((place) => place <= within(depth)).length >= ENOUGH_DEEP * places.length;
  };
  const depth = DEPTHS.find(isDeep);
  return depth === undefined ? 0 : within(depth);
}

/** Rows that have to be compared whole for enough of the neighbours to be among them. */
function needed(all: ReadonlyMap<string, Neighbours>): number {
  const places = [...all.values()].flatMap((one) => one.places);
  const within = (rows: number) => places.filter((place) => place <= rows).length;
  return RERANKED.find((rows) => within(rows) >= ENOUGH_COMPARED * places.length) ?? MAX_RERANK;
}

/** Which of the steps is enough first, else the last. */
async function firstEnough(
  steps: readonly number[],
  shareAt: (step: number) => Promise<number>,
): Promise<number> {
  for (const [index, step] of steps.slice(0, -1).entries()) if ((await shareAt(step)) >= ENOUGH) return index;
  return steps.length - 1;
}

interface Keys {
  readonly ids: readonly string[];
  readonly chunks: readonly number[];
}

async function sampleKeys(database: Database, collection: Collection, index: IndexedRange): Promise<Keys> {
  const wanted = Math.min(MAX_SAMPLE, Math.max(FEWEST, Math.floor(index.rows / 10)));
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ id: string; chunk: number }>(
      orm,
      sql`SELECT id, chunk FROM ${sampleRows(collection, index, wanted)}`,
    ),
  );
  return { ids: rows.map(({ id }) => id), chunks: rows.map(({ chunk }) => chunk) };
}

/** Of the searches that are measured. */
const DEPTH: Depth = { limit: 10 };

interface Neighbours {
  readonly neighbours: readonly string[];
  /** Of each among what the index gave. */
  readonly places: readonly number[];
  /** Rows that it gave. */
  readonly among: number;
}

/** An index with the plan that it is asked by. */
interface Tried {
  readonly collection: Collection;
  readonly index: IndexedRange;
}

/** The nearest of each row, ten unless told, as its index finds them. */
async function findNeighbours(
  database: Database,
  { collection, index }: Tried,
  { rows: { ids, chunks }, nearest }: { readonly rows: Keys; readonly nearest?: number },
): Promise<ReadonlyMap<string, Neighbours>> {
  const queried = sql`(id, chunk) IN (SELECT * FROM unnest(${sql.param(ids)}::text[], ${sql.param(chunks)}::int[]))`;
  const rows = await asTenant(
    database,
    collection.tenantId,
    ({ orm }) =>
      selectRows<Neighbours & { row: string }>(
        orm,
        neighboursStatement(collection, planIndexScan(index, DEPTH), { queried, nearest }),
      ),
    indexSettings([index], DEPTH),
  );
  return new Map(rows.map(({ row, ...found }) => [row, found]));
}

function share(found: ReadonlyMap<string, Neighbours>, all: ReadonlyMap<string, Neighbours>): number {
  let hits = 0;
  let wanted = 0;
  for (const [row, { neighbours }] of all) {
    const given = new Set(found.get(row)?.neighbours);
    wanted += neighbours.length;
    hits += neighbours.filter((one) => given.has(one)).length;
  }
  return wanted === 0 ? 1 : hits / wanted;
}
