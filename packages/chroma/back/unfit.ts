import { inCollection } from "@cairn/core/collection/collection.ts";
import { decodeJson, parseExactJson } from "@cairn/core/database/json.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import { sql } from "drizzle-orm";
import { compareRecord } from "../gateway/replicate/compare-record.ts";
import type { ReplicaFinding, ToChromaContext } from "../gateway/replicate/context.ts";
import { isChromaId } from "../gateway/replicate/read-records.ts";
import { PASSAGES, replicateToChroma } from "../gateway/replicate/to-chroma.ts";
import type { PlannedBack } from "./plan.ts";

/** Rows of a page. Each has up to 64 kB of metadata. */
const PAGE_ROWS = 1_000;

interface Row {
  readonly id: string;
  readonly long_id: string | null;
  readonly passages: number;
  readonly has_vector: boolean;
  readonly metadata: string;
}

/** Yields the documents of a collection that Chroma cannot hold, in pages. Reads neither texts nor vectors. */
export async function* findUnfit(
  context: ToChromaContext,
  planned: PlannedBack,
): AsyncGenerator<readonly ReplicaFinding[]> {
  for (let after = ""; ; ) {
    const rows = await readRows(context, planned, after);
    const last = rows.at(-1);
    if (!last) return;
    after = last.id;
    const found: ReplicaFinding[] = [];
    for (const row of rows) found.push(...(await findFault(planned, row)));
    if (found.length > 0) yield await confirm(context, planned, found);
  }
}

function readRows({ database }: ToChromaContext, { cairn }: PlannedBack, after: string): Promise<readonly Row[]> {
  return asTenant(database, cairn.tenantId, ({ orm }) =>
    orm.selectRows<Row>(sql`
      SELECT id, long_id, embedding IS NOT NULL AS has_vector, metadata::text AS metadata,
             (SELECT count(*) FROM cairn.documents AS p
              WHERE ${inCollection(cairn, sql`p.`)} AND p.id = d.id AND p.chunk <= 1)::int AS passages
      FROM cairn.documents AS d
      WHERE ${inCollection(cairn, sql`d.`)} AND d.id > ${after}::text AND d.chunk = 0
      ORDER BY d.id LIMIT ${PAGE_ROWS}::int`),
  );
}

/** The finding of a document as if Chroma had no record of its id. */
async function findFault({ cairn }: PlannedBack, row: Row): Promise<readonly ReplicaFinding[]> {
  const recordId = restoreId(row.id, row.long_id);
  if (row.passages > 1) return [{ recordId, kind: "passages", detail: PASSAGES }];
  if (!isChromaId(recordId)) return [{ recordId, kind: "refused", detail: "Chroma does not accept its id." }];
  const metadata = decodeJson(row.metadata, parseExactJson);
  const embedding = row.has_vector ? new Float32Array(0) : null;
  const stored = { content: null, uri: null, offset: 0, origin: null, metadata, embedding };
  const write = await compareRecord({ cairn, chroma: NOTHING }, recordId, { stored, record: undefined });
  return write.kind === "refused" ? [{ recordId, kind: "refused", detail: write.detail }] : [];
}

/** A collection that Chroma does not have yet. */
const NOTHING = { dimensions: null } as PlannedBack["existing"] & object;

/** Leaves out documents that Chroma has already: a record whose vector Cairn could not use is equal without one. */
async function confirm(
  context: ToChromaContext,
  { cairn, existing }: PlannedBack,
  found: readonly ReplicaFinding[],
): Promise<readonly ReplicaFinding[]> {
  if (!existing) return found;
  const ids = found.map(({ recordId }) => recordId);
  const pair = { cairn, chroma: existing };
  return (await replicateToChroma(context, pair, ids, { mode: "compare", deletes: false })).findings;
}
