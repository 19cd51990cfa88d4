import { AppError } from "@cairn/core/error.ts";
import type { DatabasePath } from "../../server/view/view.ts";
import { databaseOf } from "../journal.ts";
import { sourceOf } from "../phase.ts";
import { postponeChanges, type ReadyChange, readReadyChanges } from "./changes.ts";
import { type CollectionsResult, replicateCollections } from "./collections-to-cairn.ts";
import { findLineage, replicateCollection } from "./collections-to-chroma.ts";
import type { CollectionPair } from "./context.ts";
import { readDatabases } from "./databases.ts";
import { fillPair } from "./fill.ts";
import { finishChanges } from "./finish-changes.ts";
import { readPairs } from "./pair.ts";
import { replicateRecords } from "./replicate-records.ts";
import type { Replication } from "./replication.ts";

/**
 * Replicates the next recorded changes and returns their number. 0: nothing can be replicated now. Changes that fail are postponed, and
 * the others go on. Throws `run_held` if the lease or the phase was lost.
 */
export async function drainChanges(replication: Replication): Promise<number> {
  const { database, tenantId } = replication;
  const changes = await readReadyChanges(database, tenantId);
  if (changes.length === 0) return 0;
  const ofCollections = changes.filter(({ ids }) => ids === null);
  await attempt(replication, ofCollections, () => replicateCollectionChanges(replication, ofCollections));
  const ofRecords = changes.filter(({ ids }) => ids !== null);
  for (const [collectionId, group] of Map.groupBy(ofRecords, (change) => change.collectionId))
    await attempt(replication, group, () => replicateRecordChanges(replication, collectionId ?? "", group));
  return changes.length;
}

function describeFailure(error: unknown): string {
  if (!(error instanceof AppError)) return "An unexpected error.";
  return error.code === "source_unavailable" ? "Chroma did not answer." : `${error.code}: ${error.message}`;
}

/** Runs `work`, and postpones its changes if it fails. */
async function attempt(
  { database, tenantId, phase, statistics }: Replication,
  changes: readonly ReadyChange[],
  work: () => Promise<void>,
): Promise<void> {
  if (changes.length === 0) return;
  const started = performance.now();
  try {
    await work();
  } catch (error) {
    if (error instanceof AppError && error.code === "run_held") throw error;
    const side = sourceOf(phase) === "chroma" ? "cairn" : "chroma";
    const milliseconds = performance.now() - started;
    statistics.record({ tenantId, kind: "write", side, outcome: "failed", milliseconds });
    await postponeChanges(database, tenantId, { changes, failure: describeFailure(error) });
    if (!(error instanceof AppError)) throw error;
  }
}

/** Creates, changes and deletes collections of the replica. The records of a new one are copied at once. */
async function replicateCollectionChanges(replication: Replication, changes: readonly ReadyChange[]): Promise<void> {
  if (sourceOf(replication.phase) === "chroma") {
    const databases = new Map(
      changes.map(({ subject }) => databaseOf(subject ?? "")).map((path) => [JSON.stringify(path), path]),
    );
    for (const path of databases.values()) await replicateAndFill(replication, path);
  } else
    for (const lineage of new Set(changes.map(({ collectionId }) => collectionId ?? ""))) {
      const pair = await replicateCollection(replication, lineage);
      if (pair?.created) await fillPair(replication, pair);
    }
  await finishChanges(replication, changes);
}

async function replicateRecordChanges(
  replication: Replication,
  collectionId: string,
  changes: readonly ReadyChange[],
): Promise<void> {
  const pair = await findPair(replication, collectionId);
  // Without a pair the collection was deleted, or the replica cannot hold it, which is a finding.
  if (!pair) return finishChanges(replication, changes);
  const ids = [...new Set(changes.flatMap((change) => change.ids ?? []))];
  await replicateRecords(replication, pair, { ids, changes });
}

/** The pair of a change's collection as it is now. A collection that is not known yet is looked for on the source's side. */
async function findPair(replication: Replication, id: string): Promise<CollectionPair | undefined> {
  if (sourceOf(replication.phase) === "cairn")
    return (await findKnownPair(replication, id)) ?? createInChroma(replication, id);
  const known = await findKnownPair(replication, id);
  if (known) return known;
  for (const path of await readDatabases(replication)) {
    const pairs = await replicateAndFill(replication, path);
    if (pairs.some(({ chromaId }) => chromaId === id)) return findKnownPair(replication, id);
  }
  return undefined;
}

async function createInChroma(replication: Replication, lineage: string): Promise<CollectionPair | undefined> {
  const pair = await replicateCollection(replication, lineage);
  if (pair) await fillPair(replication, pair);
  return pair;
}

/** Makes the collections of a database equal, and fills those that are new in Cairn. */
async function replicateAndFill(replication: Replication, path: DatabasePath): Promise<CollectionsResult["pairs"]> {
  const { pairs } = await replicateCollections(replication, path);
  for (const { collectionId, source: chroma } of pairs.filter(({ filled }) => !filled)) {
    const cairn = await findLineage(replication, collectionId);
    if (cairn) await fillPair(replication, { cairn, chroma });
  }
  return pairs;
}

async function findKnownPair(replication: Replication, id: string): Promise<CollectionPair | undefined> {
  const { database, tenantId, target } = replication;
  const pairs = await readPairs(database, tenantId);
  const pair = pairs.find(({ collectionId, chromaId }) => collectionId === id || chromaId === id);
  const cairn = pair && (await findLineage(replication, pair.collectionId));
  if (!pair || !cairn) return undefined;
  const chroma = await target.findCollection(pair.path, pair.path.name);
  if (chroma?.id !== pair.chromaId) return undefined;
  if (!pair.filled) await fillPair(replication, { cairn, chroma });
  return { cairn, chroma };
}
