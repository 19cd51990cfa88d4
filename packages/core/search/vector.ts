import { type Placeholder, type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { orderByDistance } from "../index/metric.ts";
import { segmentCondition, segmentsCondition } from "../index/segments.ts";
import { HIT_COLUMNS, queryVectors, rerankedRows, TIE_ORDER } from "./candidates.ts";
import { exhaustiveGroups, groupRows, othersOf } from "./grouped.ts";
import { type Output, outputColumns } from "./output.ts";
import type { Branch, IndexBranch, NearestPlan, VectorPlan } from "./plan.ts";
import { isSelective, prefilterRows, prefilterTables } from "./prefilter-rows.ts";

export interface VectorInput {
  /** `vector[]` in the wire format, see encodeVectorArray, or its placeholder. */
  readonly vectors: Buffer | Placeholder;
  /** The caller's filters as a condition on a row. Undefined: none. */
  readonly matches?: SQL;
  readonly output?: Output;
}

/**
 * The statement of a plan: the rows nearest to each vector, nearest first. Columns: `n` (1-based number of the vector), the
 * hit's columns, `order` (see orderByDistance), `counts` and `prefiltered` (see HitRow), and of groups `others` and `listed`.
 */
export function vectorStatement(collection: Collection, plan: VectorPlan, input: VectorInput): SQL {
  const { groups } = plan;
  const { matches } = input;
  const vectors = sql`unnest(${input.vectors}::vector[]) WITH ORDINALITY AS query (v, n)`;
  const queries = plan.queries ? sql`WHERE q.n = ANY(${sql.param(plan.queries)}::int[])` : sql``;
  const grouped = groups ? sql`, near.listed, ${othersOf(collection, { ...groups, matches })} AS others` : sql``;
  const columns = sql`q.n::int, ${outputColumns(input.output)}, near."order", near.counts, near.prefiltered${grouped}`;
  if (plan.kind === "exact-groups")
    return sql`
      SELECT ${columns}
      FROM (SELECT v, n FROM ${vectors} OFFSET 0) AS q
      CROSS JOIN LATERAL (${exhaustiveGroups(collection, { ...plan.groups, matches })}) AS near
      ${queries}
      ORDER BY q.n, near."order", near.id, near.chunk`;
  const prefilters = plan.branches.flatMap((branch) => (branch.kind === "prefilter" ? [branch.prefilter] : []));
  const nearest = nearestRows(collection, plan, input);
  return sql`
    ${prefilterTables(collection, prefilters)}
    SELECT ${columns}
    FROM (${queryVectors(vectors, collection, indexesOf(plan))}) AS q
    CROSS JOIN LATERAL (${groups ? groupRows(nearest, groups) : nearest}) AS near
    ${queries}
    ORDER BY q.n, near."order"${groups ? sql`` : sql`, near.sequence NULLS FIRST`}, near.id, near.chunk`;
}

/** The vector indexes that a plan reads. */
export function indexesOf({ branches }: NearestPlan): readonly IndexedRange[] {
  return branches.flatMap((branch) => (branch.kind === "index" ? branch.scans.map(({ index }) => index) : []));
}

/** The nearest rows of all branches to `q`, with the row counts of the index scans. */
function nearestRows(collection: Collection, { branches, limit }: NearestPlan, input: VectorInput): SQL {
  const rows = branches
    .flatMap((branch) => branchRows(collection, branch, { ...input, limit }))
    .map((branch) => sql`(${branch})`);
  const scans = branches
    .flatMap((branch) => (branch.kind === "index" ? branch.scans.map((scan) => ({ ...scan, branch })) : []))
    .toSorted((a, b) => a.ordinal - b.ordinal);
  const counts = scans.map(
    ({ ordinal }) => sql`count(*) FILTER (WHERE branch = ${sql.raw(String(ordinal))} AND is_near) OVER ()`,
  );
  return sql`
      SELECT *, ARRAY[${sql.join(counts, sql`, `)}]::int[] AS counts, ${prefilteredScans(scans)} AS prefiltered
      FROM (${sql.join(rows, sql` UNION ALL `)}) AS branches
      ORDER BY "order", ${TIE_ORDER} LIMIT ${limit}::int`;
}

/** Ordinals of the index scans that their pre-filter replaces. */
function prefilteredScans(scans: readonly { readonly ordinal: number; readonly branch: IndexBranch }[]): SQL {
  const ordinals = scans.flatMap(({ ordinal, branch: { prefilter } }) =>
    prefilter ? [sql`CASE WHEN ${isSelective(prefilter)} THEN ${sql.raw(String(ordinal))} END`] : [],
  );
  if (ordinals.length === 0) return sql`NULL::int[]`;
  return sql`array_remove(ARRAY[${sql.join(ordinals, sql`, `)}]::int[], NULL)`;
}

type BranchInput = Pick<VectorInput, "matches"> & { readonly limit: number };

function branchRows(collection: Collection, branch: Branch, input: BranchInput): readonly SQL[] {
  switch (branch.kind) {
    case "index": {
      const reads = branch.prefilter && sql`NOT ${isSelective(branch.prefilter)}`;
      return [rerankedRows(collection, branch, { reads, matches: input.matches })];
    }
    case "prefilter": {
      const { prefilter, fallback } = branch;
      const rows = prefilterRows(collection, prefilter, input);
      if (fallback === "index") return [rows];
      const segments = sql.raw(segmentCondition(prefilter.range, prefilter.range.plan));
      return [rows, exactRows(collection, sql`${segments} AND NOT ${isSelective(prefilter)}`, input)];
    }
    case "exact":
      return [exactRows(collection, branch.segments ? segmentsCondition(branch.segments) : sql`true`, input)];
  }
}

/** Compares every row that matches the condition and the filters. */
function exactRows(collection: Collection, condition: SQL, { limit, matches = sql`true` }: BranchInput): SQL {
  const distance = orderByDistance(collection.metric, sql`q.v`);
  return sql`
    SELECT ${HIT_COLUMNS}, ${distance} AS "order", NULL::int AS branch, NULL::boolean AS is_near FROM cairn.documents
    WHERE ${inCollection(collection)} AND ${condition} AND embedding IS NOT NULL AND ${matches}
    ORDER BY ${distance}, ${TIE_ORDER} LIMIT ${limit}::int`;
}
