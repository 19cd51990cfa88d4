import { asAdmin } from "@cairn/core/database/transaction.ts";
import { assertLease } from "../../lease/tenant-lease.ts";
import { sourceOf } from "../phase.ts";
import { deleteChanges, type ReadyChange } from "./changes.ts";
import type { CollectionPair } from "./context.ts";
import { resolveFindings, saveFindings } from "./findings.ts";
import type { Replication } from "./replication.ts";
import { replicateToCairn } from "./to-cairn.ts";
import { type ReplicationResult, replicateToChroma } from "./to-chroma.ts";

/** Makes these records of the replica equal to the source, records what it cannot hold, and deletes the changes. */
export async function replicateRecords(
  replication: Replication,
  pair: CollectionPair,
  { ids, changes }: { readonly ids: readonly string[]; readonly changes: readonly ReadyChange[] },
): Promise<ReplicationResult> {
  const side = sourceOf(replication.phase) === "chroma" ? "cairn" : "chroma";
  const started = performance.now();
  const result =
    side === "cairn"
      ? await replicateToCairn(replication, pair, { ids, changes })
      : await writeToChroma(replication, pair, { ids, changes });
  const { database, tenantId, statistics } = replication;
  const { lineage: collectionId } = pair.cairn;
  await saveFindings(
    database,
    tenantId,
    result.findings.map((finding) => ({ ...finding, collectionId, side })),
  );
  const open = new Set(result.findings.map(({ recordId }) => recordId));
  const resolved = result.differing.filter((id) => !open.has(id));
  if (resolved.length > 0) await resolveFindings(database, tenantId, { collectionId, recordIds: resolved });
  const milliseconds = performance.now() - started;
  if (changes.length > 0) statistics.record({ tenantId, kind: "write", side, outcome: "ok", milliseconds });
  return result;
}

/** Chroma has no transactions: the changes are deleted after the records are equal, and only if the lease was kept until then. */
async function writeToChroma(
  replication: Replication,
  pair: CollectionPair,
  { ids, changes }: { readonly ids: readonly string[]; readonly changes: readonly ReadyChange[] },
): Promise<ReplicationResult> {
  const recreated = changes.flatMap((change) => (change.deletes ? (change.ids ?? []) : []));
  if (recreated.length > 0) await replication.target.deleteIds(pair.chroma, recreated); // they go last if they were added again
  const result = await replicateToChroma(replication, pair, ids);
  const { database, tenantId, lease } = replication;
  await asAdmin(database, async ({ orm }) => {
    await assertLease(orm, lease);
    await deleteChanges(orm, tenantId, changes);
  });
  return result;
}
