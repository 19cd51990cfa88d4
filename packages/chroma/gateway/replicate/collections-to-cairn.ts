import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Transaction } from "@cairn/core/database/database.ts";
import { asAdmin, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { equalMetadata } from "../../copy/compare-collection.ts";
import { removeRoutes, saveRoute } from "../../namespace/collections.ts";
import { insertDatabases, insertTenants } from "../../namespace/databases.ts";
import type { DatabasePath } from "../../server/view/view.ts";
import type { SourceCollection } from "../../source/source.ts";
import { assertSource } from "./assert-source.ts";
import { resolveFindings, saveFindings } from "./findings.ts";
import { listKnown } from "./list-known.ts";
import { deletePair, type RecordedPair, readPairs, savePair } from "./pair.ts";
import type { Replication } from "./replication.ts";

/** The difference of both lists of collections that was removed. */
export interface CollectionsResult {
  /** Pairs whose collections exist on both sides. */
  readonly pairs: readonly (RecordedPair & { readonly source: SourceCollection })[];
  /** Collections that were created, changed or deleted in Cairn. */
  readonly changed: number;
}

/** Makes the tenant's collections of one database equal to Chroma's: those that are missing, renamed, changed or deleted. */
export async function replicateCollections(context: Replication, path: DatabasePath): Promise<CollectionsResult> {
  const all = await readPairs(context.database, context.tenantId);
  const known = all.filter((pair) => pair.path.tenant === path.tenant && pair.path.database === path.database);
  const { listed, gone } = await listKnown(context, path, known);
  for (const pair of gone) await removeCollection(context, pair);
  await moveAside(context, { listed, known });
  let changed = gone.length;
  const pairs: (RecordedPair & { readonly source: SourceCollection })[] = [];
  for (const source of listed) {
    const pair = known.find(({ chromaId }) => chromaId === source.id);
    const target = pair ? await findTarget(context, pair) : undefined;
    if (pair && target) {
      if (await updateCollection(context, { pair, target, source })) changed++;
      pairs.push({ ...pair, path: { ...path, name: source.name }, source });
      continue;
    }
    const created = await addCollection(context, source);
    if (!created) continue;
    changed++;
    pairs.push({ ...created, source });
  }
  return { pairs, changed };
}

/** Longest part of a name that is kept when a collection is moved aside. Names have up to 512 characters. */
const MAX_KEPT_CHARACTERS = 470;

/** Gives collections that were renamed, and whose former names others have by now, names of their own until they get their new ones. */
async function moveAside(
  context: Replication,
  { listed, known }: { readonly listed: readonly SourceCollection[]; readonly known: readonly RecordedPair[] },
): Promise<void> {
  const { database, tenantId, rules } = context;
  const nameById = new Map(known.map(({ chromaId, path }) => [chromaId, path.name]));
  if (listed.every((source) => nameById.get(source.id) === source.name)) return;
  const idByName = new Map(listed.map((source) => [rules.resolve(source).collection, source.id]));
  for (const pair of known) {
    const target = await findTarget(context, pair);
    const id = target && idByName.get(target.name);
    if (!target || id === undefined || id === pair.chromaId) continue;
    const name = `${target.name.slice(0, MAX_KEPT_CHARACTERS)}-${pair.chromaId}`;
    await changeCollection(database, tenantId, target.id, { ...replicating(context), name });
  }
}

/** Options of a change of a collection: it is undone if another process replicates the tenant by now, or if Cairn decides its writes. */
function replicating(context: Replication) {
  return {
    isReplicating: true,
    async beforeCommit(transaction: Transaction) {
      await becomeAdmin(transaction);
      await assertSource(transaction.orm, context);
    },
  };
}

async function findTarget(
  { database, tenantId }: Replication,
  { collectionId }: RecordedPair,
): Promise<Collection | undefined> {
  try {
    return await getCollection(database, tenantId, collectionId);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

async function removeCollection(context: Replication, pair: RecordedPair): Promise<void> {
  const { database, tenantId, namespaceId } = context;
  try {
    await deleteCollection(database, tenantId, pair.collectionId, replicating(context));
  } catch (error) {
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
  }
  await asAdmin(database, async ({ orm }) => {
    await assertSource(orm, context);
    await deletePair(orm, pair);
    await removeRoutes(orm, namespaceId, [pair.collectionId]);
  });
}

/** Renames a collection and replaces its metadata. False: it is equal already. */
async function updateCollection(
  context: Replication,
  {
    pair,
    target,
    source,
  }: { readonly pair: RecordedPair; readonly target: Collection; readonly source: SourceCollection },
): Promise<boolean> {
  const { database, tenantId, rules } = context;
  const name = rules.resolve(source).collection;
  const isEqual = equalMetadata(source.metadata, target.metadata);
  const attributes = { ...target.attributes, ...(source.attributes && { chroma: source.attributes }) };
  const hasSameAttributes = equalMetadata(attributes, target.attributes);
  if (isEqual && hasSameAttributes && target.name === name && pair.path.name === source.name) return false;
  await changeCollection(database, tenantId, target.id, {
    ...replicating(context),
    ...(target.name === name ? {} : { name }),
    ...(isEqual ? {} : { metadata: source.metadata }),
    ...(hasSameAttributes ? {} : { attributes }),
  });
  await register(context, { ...pair, path: { ...pair.path, name: source.name } });
  return true;
}

/** Creates a collection in Cairn, or takes an existing one of this name. Undefined: that one has other data, which is a finding. */
async function addCollection(context: Replication, source: SourceCollection): Promise<RecordedPair | undefined> {
  const { database, tenantId, rules } = context;
  const name = rules.resolve(source).collection;
  const created = await createTarget(context, source, name);
  const target = created ?? (await getCollection(database, tenantId, name));
  const pairs = await readPairs(database, tenantId);
  const follows = pairs.some(({ collectionId }) => collectionId === target.lineage);
  const conflict = created ? undefined : conflictOf(source, target, { follows });
  if (conflict !== undefined) {
    await saveFindings(database, tenantId, [
      { collectionId: source.id, recordId: "", kind: "conflict", side: "cairn", detail: conflict },
    ]);
    return undefined;
  }
  const path = { tenant: source.tenant, database: source.database, name: source.name };
  const pair = { tenantId, collectionId: target.lineage, chromaId: source.id, path, filled: false };
  await register(context, pair);
  await resolveFindings(database, tenantId, { collectionId: source.id, recordIds: [""] });
  return pair;
}

async function createTarget(
  context: Replication,
  source: SourceCollection,
  name: string,
): Promise<Collection | undefined> {
  const { database, tenantId } = context;
  const collection = {
    ...replicating(context),
    name,
    embeddingModel: source.dimensions === null ? null : source.model,
    dimensions: source.dimensions,
    metric: source.metric,
    metadata: source.metadata,
    attributes: source.attributes && { chroma: source.attributes },
  };
  // Clients know the collection by Chroma's id, so it keeps it, unless another collection of the tenant has it.
  return (
    (await insertCollection(database, tenantId, { ...collection, id: source.id })) ??
    (await insertCollection(database, tenantId, collection))
  );
}

function conflictOf(
  source: SourceCollection,
  target: Collection,
  { follows }: { readonly follows: boolean },
): string | undefined {
  const why = (text: string) =>
    `The collection ${JSON.stringify(target.name)} in Cairn cannot follow Chroma's: ${text}. Rename or delete it in Cairn.`;
  if (source.dimensions !== null && target.dimensions !== null && source.dimensions !== target.dimensions)
    return why(`it has ${target.dimensions} dimensions instead of ${source.dimensions}`);
  if (follows) return why("it follows another collection of Chroma");
  if (source.metric !== target.metric) return why(`its metric is ${target.metric} instead of ${source.metric}`);
  return undefined;
}

/** Records the pair, and its name in the namespace. */
async function register(context: Replication, pair: RecordedPair): Promise<void> {
  const { database, namespaceId, tenantId } = context;
  const { path, collectionId } = pair;
  await asAdmin(database, async ({ orm }) => {
    await assertSource(orm, context);
    await savePair(orm, pair);
    await insertTenants(orm, namespaceId, [path.tenant]);
    await insertDatabases(orm, namespaceId, [path]);
    await saveRoute(orm, namespaceId, path, { name: path.name, tenantId, collectionId });
  });
}
