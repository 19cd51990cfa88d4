import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { SegmentRange } from "./segment-range.ts";

/** A FROM item with about `size` rows that have vectors, spread over a segment range. Each call selects the same rows. */
export function sampleRows(collection: Collection, { first, last, rows }: SegmentRange, size: number): SQL {
  const every = Math.max(1, Math.floor(rows / size));
  return sql`cairn.documents
    WHERE ${inCollection(collection)} AND segment >= ${first}::int AND segment <= ${last}::int AND embedding IS NOT NULL
      AND abs(hashtext(id)::bigint) % ${every}::int = 0
    LIMIT ${size}::int`;
}
