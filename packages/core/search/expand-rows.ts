import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { decodeText } from "../database/text.ts";
import { tenantSettings } from "../database/transaction.ts";
import { HEADINGS, TEXT_OFFSET } from "../document/read.ts";
import type { Expansion } from "./expansion.ts";
import type { HitRow } from "./hit.ts";

/** Passages of a section on either side of a hit. */
const MAX_SECTION_PASSAGES = 100;

/** A passage next to a hit, or the hit's own. */
export interface NeighborRow {
  readonly chunk: number;
  readonly content: string;
  /** Start in the document's text, in UTF-16 code units; null: unknown. */
  readonly offset: number | null;
  /** Whether it starts before the section, and its end may contain the section's heading. */
  readonly isLeading: boolean;
  /** Whether passages around the same hit were left out because of a limit. */
  readonly truncated: boolean;
}

interface StoredNeighbor extends Omit<NeighborRow, "content" | "isLeading"> {
  /** 1-based number of the hit. */
  readonly n: number;
  readonly content: string | null;
  readonly is_leading: boolean;
}

interface NeighborOptions {
  readonly rows: readonly HitRow[];
  readonly expand: Expansion;
  /** Maximum bytes of the texts around a hit, its own included. The hit's own passage is always read. */
  readonly maxBytes: number;
}

/**
 * The passages around each row and its own, in the order of the text; empty if the row was deleted meanwhile. One statement
 * chooses them from the nearest outwards and reads no other text.
 */
export async function readNeighbors(
  database: Database,
  collection: Collection,
  { rows, ...options }: NeighborOptions,
): Promise<readonly (readonly NeighborRow[])[]> {
  const found: NeighborRow[][] = rows.map(() => []);
  if (rows.length === 0) return found;
  const [result = []] = await database.read([neighborStatement(collection, { rows, ...options })], {
    settings: tenantSettings(collection.tenantId),
  });
  for (const { n, content, is_leading, ...row } of result as readonly StoredNeighbor[])
    if (content !== null) found[n - 1]?.push({ ...row, content: decodeText(content), isLeading: is_leading });
  return found;
}

/**
 * A passage belongs to the section of a hit if it starts under the same headings or under headings below them, and so do
 * all passages between both. Without headings: if it starts under none. octet_length reads only the header of a text.
 */
function neighborStatement(collection: Collection, { rows, expand, maxBytes }: NeighborOptions): SQL {
  const { before = 0, after = 0, section = false } = expand;
  const ids = sql`${sql.param(rows.map(({ id }) => id))}::text[]`;
  const chunks = sql`${sql.param(rows.map(({ chunk }) => chunk))}::int[]`;
  const farthest = section ? MAX_SECTION_PASSAGES : Math.max(before, after);
  const inSection = section
    ? sql`CASE WHEN own IS NULL THEN headings IS NULL ELSE headings = own OR starts_with(headings, own || chr(10)) END`
    : sql`false`;
  return sql`
    WITH near AS (
      SELECT n::int AS n, "at", d.*, abs(chunk - "at") AS gap, chunk < "at" AS is_before,
             first_value(headings) OVER (PARTITION BY n ORDER BY abs(chunk - "at")) AS own
      FROM unnest(${ids}, ${chunks}) WITH ORDINALITY AS hit (hit_id, "at", n)
      CROSS JOIN LATERAL (
        SELECT chunk, content, ${TEXT_OFFSET} AS "offset", ${HEADINGS} AS headings, coalesce(octet_length(content), 0) AS bytes
        FROM cairn.documents
        WHERE ${inCollection(collection)} AND id = hit_id AND chunk >= "at" - ${farthest + 1}::int AND chunk <= "at" + ${farthest + 1}::int
      ) AS d
    ), judged AS (
      SELECT *, gap = 0 OR coalesce(${inSection}, false) AS in_section,
             CASE WHEN is_before THEN gap <= ${before}::int ELSE gap <= ${after}::int END AS is_neighbor
      FROM near
    ), reached AS (
      SELECT *, bool_and(in_section) OVER side AS is_section,
             coalesce(bool_and(in_section) OVER (side ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS follows
      FROM judged WINDOW side AS (PARTITION BY n, is_before ORDER BY gap)
    ), wanted AS (
      SELECT *, NOT is_neighbor AND NOT is_section AS is_leading FROM reached
      WHERE is_neighbor OR is_section OR (${section}::bool AND own IS NOT NULL AND is_before AND follows)
    ), fitting AS (
      SELECT *, gap = 0 OR (gap <= ${farthest}::int AND sum(bytes) OVER (PARTITION BY n ORDER BY gap, chunk) <= ${maxBytes}::float8) AS fits
      FROM wanted
    )
    SELECT n, chunk, CASE WHEN fits THEN content END AS content, "offset", is_leading, truncated
    FROM (SELECT *, bool_or(NOT fits) OVER (PARTITION BY n) AS truncated FROM fitting) AS chosen
    WHERE fits ORDER BY n, chunk`;
}
