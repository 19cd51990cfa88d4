import { sourceOf } from "../phase.ts";
import type { ReadyChange } from "./changes.ts";
import type { CollectionPair } from "./context.ts";
import { resolveFindings, saveFindings } from "./findings.ts";
import { finishChanges } from "./finish-changes.ts";
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
      ? await writeToCairn(replication, pair, { ids, changes })
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

async function writeToCairn(
  replication: Replication,
  pair: CollectionPair,
  { ids, changes }: { readonly ids: readonly string[]; readonly changes: readonly ReadyChange[] },
): Promise<ReplicationResult> {
  const result = await replicateToCairn(replication, pair, { ids, recreated: recreatedIds(changes) });
  if (changes.length > 0) await finishChanges(replication, changes);
  return result;
}

/** Chroma has no transactions: that this process still replicates the tenant is asserted after the records are equal. */
async function writeToChroma(
  replication: Replication,
  pair: CollectionPair,
  { ids, changes }: { readonly ids: readonly string[]; readonly changes: readonly ReadyChange[] },
): Promise<ReplicationResult> {
  const recreated = recreatedIds(changes);
  if (recreated.length > 0) await replication.target.deleteIds(pair.chroma, recreated);
  const result = await replicateToChroma(replication, pair, ids);
  await finishChanges(replication, changes);
  return result;
}

/** Ids of records that were deleted. They go last if they were added again. */
function recreatedIds(changes: readonly ReadyChange[]): readonly string[] {
  return changes.flatMap((change) => (change.deletes ? (change.ids ?? []) : []));
}
