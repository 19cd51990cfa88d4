import { inCollection } from "@cairn/core/collection/collection.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { keysOf, restoreId } from "@cairn/core/document/id.ts";
import { sql } from "drizzle-orm";
import { listInOrder } from "../../copy/list-in-order.ts";
import { sourceOf } from "../phase.ts";
import { alignOrder } from "./align-order.ts";
import { filterPending } from "./changes.ts";
import type { CollectionPair, ReplicaFinding } from "./context.ts";
import { listAllIds } from "./list-ids.ts";
import { replicateRecords } from "./replicate-records.ts";
import type { Replication } from "./replication.ts";
import type { ReplicationResult } from "./to-chroma.ts";

/** The comparison of all records of a collection. */
export interface CollectionComparison {
  readonly records: number;
  readonly written: number;
  readonly deleted: number;
  readonly findings: readonly ReplicaFinding[];
  /** Ids of records that differed and that no recorded change names. */
  readonly unexplained: readonly string[];
}

/** Unexplained ids that are kept at most. */
const MAX_UNEXPLAINED = 1_000;

/** Ids of a page of Cairn's list. */
const PAGE_SIZE = 2_000;

/**
 * Compares all records of a collection with its replica and copies those that differ: first every id of the source, then every id that
 * only the replica has. `beforePage` may throw to end it.
 */
export async function reconcileCollection(
  replication: Replication,
  pair: CollectionPair,
  beforePage: () => Promise<void>,
): Promise<CollectionComparison> {
  const total = { records: 0, written: 0, deleted: 0, findings: [] as ReplicaFinding[], unexplained: [] as string[] };
  const isChroma = sourceOf(replication.phase) === "chroma";
  const pages = isChroma
    ? listAllIds(replication.source, pair.chroma)
    : listInOrder(replication.database, pair.cairn, PAGE_SIZE);
  let after = -1n;
  for await (const ids of pages) {
    total.records += ids.length;
    await add(replication, pair, { ids, beforePage, total });
    if (isChroma) after = (await alignOrder(replication, pair, { ids, after })).last;
  }
  const others = isChroma
    ? listInOrder(replication.database, pair.cairn, PAGE_SIZE)
    : listAllIds(replication.source, pair.chroma);
  for await (const ids of others) {
    const existing = isChroma
      ? await replication.source.filterExisting(pair.chroma, ids)
      : await filterStored(replication, pair, ids);
    const extras = ids.filter((id) => !existing.has(id));
    if (extras.length > 0) await add(replication, pair, { ids: extras, beforePage, total });
  }
  return total;
}

interface Page {
  readonly ids: readonly string[];
  readonly beforePage: () => Promise<void>;
  readonly total: Pick<ReplicationResult, "findings"> & {
    written: number;
    deleted: number;
    findings: ReplicaFinding[];
    unexplained: string[];
  };
}

async function add(replication: Replication, pair: CollectionPair, { ids, beforePage, total }: Page): Promise<void> {
  await beforePage();
  const result = await replicateRecords(replication, pair, { ids, changes: [] });
  total.written += result.written;
  total.deleted += result.deleted;
  total.findings.push(...result.findings);
  if (result.differing.length === 0) return;
  // Only this process replicates the tenant, so a change that explains a difference is still recorded.
  const { database, tenantId } = replication;
  const collectionIds = [pair.chroma.id, pair.cairn.lineage];
  const pending = await filterPending(database, tenantId, { collectionIds, ids: result.differing });
  const unexplained = result.differing.filter((id) => !pending.has(id));
  total.unexplained.push(...unexplained.slice(0, MAX_UNEXPLAINED - total.unexplained.length));
}

async function filterStored(
  { database, tenantId }: Replication,
  { cairn }: CollectionPair,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ id: string; long_id: string | null }>(sql`
      SELECT id, long_id FROM cairn.documents
      WHERE ${inCollection(cairn)} AND chunk = 0 AND id = ANY(${sql.param(keysOf(ids))}::text[])`),
  );
  return new Set(rows.map((row) => restoreId(row.id, row.long_id)));
}
