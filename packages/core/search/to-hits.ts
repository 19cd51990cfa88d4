import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { type Hit, type HitRow, toHit } from "./hit.ts";
import { type Fields, limitOutput, type Output, readFields, rowKey } from "./output.ts";
import type { RankedRow } from "./rank.ts";

export interface FoundHit {
  readonly hit: Hit;
  readonly row: HitRow;
}

interface Ranked extends Required<Output> {
  readonly ranked: readonly (readonly RankedRow[])[];
  readonly exactNumbers: boolean | undefined;
}

/** The hits of each query with their fields. Incomplete rows need one more statement. Throws `response_too_large`. */
export async function toHits(
  database: Database,
  collection: Collection,
  { ranked, exactNumbers, ...output }: Ranked,
): Promise<readonly (readonly FoundHit[])[]> {
  const rows = ranked.flatMap((hits) => hits.map(({ row }) => row));
  limitOutput(collection, rows, output);
  const missing = rows.filter(({ complete }) => !complete);
  const read = missing.length > 0 ? await readFields(database, collection, { rows: missing, ...output }) : undefined;
  const hasContent = output.fields.includes("content");
  const results: FoundHit[][] = [];
  let sliceStart = performance.now();
  for (const hits of ranked) {
    results.push(
      hits.flatMap(({ row, ...ranking }) => {
        const fields = row.complete ? row : read?.get(rowKey(row));
        if (!fields) return []; // deleted meanwhile
        const shown = { ...row, ...pickFields(fields), ...(hasContent ? {} : NO_CONTENT) };
        return [{ hit: { ...toHit(collection.metric, shown, { exactNumbers }), ...ranking }, row }];
      }),
    );
    if (performance.now() - sliceStart < YIELD_MS) continue;
    await new Promise((resolve) => setTimeout(resolve, 0)); // yield to other requests
    sliceStart = performance.now();
  }
  return results;
}

/** Milliseconds after which a long conversion yields to other requests. */
const YIELD_MS = 20;

/** A row may have been read with its content for a rerank model alone. */
const NO_CONTENT = { content: undefined, headings: undefined };

function pickFields({ content, headings, metadata, uri, embedding }: Fields): Fields {
  return { content, headings, metadata, uri, embedding };
}
