import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { inCollection } from "../document/read.ts";
import type { SegmentRange } from "./segment-range.ts";

/** About so many rows with vectors from everywhere in a range, the same ones each time, as FROM has them. */
export function sampleRows(collection: Collection, { first, last, rows }: SegmentRange, wanted: number): SQL {
  const every = Math.max(1, Math.floor(rows / wanted));
  return sql`cairn.documents
    WHERE ${inCollection(collection)} AND segment >= ${first}::int AND segment <= ${last}::int AND embedding IS NOT NULL
      AND abs(hashtext(id)::bigint) % ${every}::int = 0
    LIMIT ${wanted}::int`;
}
