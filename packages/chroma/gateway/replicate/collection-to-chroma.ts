import type { Collection } from "@cairn/core/collection/collection.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ChromaPath, pathOf } from "../../protocol/path.ts";
import type { SourceCollection } from "../../source/source.ts";
import type { ToChromaContext } from "./context.ts";
import { type EqualizedCollection, equalizeCollection } from "./equalize-collection.ts";
import { type RecordedPair, readPair, renamePairOfAnother, savePair } from "./pair.ts";

/**
 * Makes a collection in Chroma equal to one of Cairn, apart from its records, and records the pair in `cutover_collections`.
 * `path`: where Chroma's clients see it. `chroma.id` of the result is the id that Chroma chose. Can be repeated after an
 * interruption at any point. Throws `already_exists` if a collection of Chroma that belongs to none of the tenant's has the
 * name, and `source_unavailable`.
 */
export async function collectionToChroma(
  context: ToChromaContext,
  cairn: Collection,
  path: ChromaPath,
): Promise<EqualizedCollection> {
  await context.target.ensureDatabase(path);
  const named = await context.target.findCollection(path, path.name);
  const recorded = await readPair(context.database, cairn);
  const paired = await findPaired(context, cairn, { path, named, recorded });
  const isFree = !named || named.id === paired?.id || (await moveAside(context, cairn, named));
  // Without a pair, the collection of the name may be one that an interrupted run has created.
  const existing = paired ?? (isFree ? undefined : named);
  const equalized = await equalizeCollection(context, cairn, { path, existing }).catch(async (error: unknown) => {
    // The response to the first attempt was lost, and the second one found what the first has created.
    const isTaken = existing === undefined && error instanceof AppError && error.code === "already_exists";
    const created = isTaken ? await context.target.findCollection(path, path.name) : undefined;
    if (!created) throw error;
    return { ...(await equalizeCollection(context, cairn, { path, existing: created })), created: true };
  });
  const { id: chromaId, tenant, database, name } = equalized.chroma;
  const { tenantId, lineage: collectionId } = cairn;
  const filled = recorded?.chromaId === chromaId && recorded.filled; // another collection has none of the records
  const pair = { tenantId, collectionId, chromaId, path: { tenant, database, name }, filled };
  await asAdmin(context.database, ({ orm }) => savePair(orm, pair));
  return equalized;
}

interface Candidates {
  readonly path: ChromaPath;
  /** What Chroma has at the path. */
  readonly named: SourceCollection | undefined;
  readonly recorded: RecordedPair | undefined;
}

/** The recorded pair of a collection, or else the collection of Chroma with the same id. Undefined: there is none. */
async function findPaired(
  { source, target }: ToChromaContext,
  cairn: Collection,
  { path, named, recorded }: Candidates,
): Promise<SourceCollection | undefined> {
  const id = recorded?.chromaId ?? cairn.lineage;
  if (named?.id === id) return named;
  const former = recorded && { ...path, name: recorded.path.name };
  const renamed =
    former && pathOf(former) === pathOf(recorded.path) && (await target.findCollection(path, former.name));
  if (renamed && renamed.id === id) return renamed;
  const all = await source.listCollections({ tenants: [path.tenant], databases: [path.database] });
  return all.find((collection) => collection.id === id);
}

/** Longest part of a name that is kept when a collection is moved aside. Names have up to 512 characters. */
const MAX_KEPT_CHARACTERS = 470;

/**
 * Gives a collection that has the name of another one a name of its own, until its own change is replicated: two collections
 * may have exchanged their names. Returns false for a collection that belongs to none of the tenant's.
 */
async function moveAside(
  { database, target }: ToChromaContext,
  cairn: Collection,
  named: SourceCollection,
): Promise<boolean> {
  const name = `${named.name.slice(0, MAX_KEPT_CHARACTERS)}-${named.id}`;
  if (!(await renamePairOfAnother(database, cairn, { chromaId: named.id, name }))) return false;
  await target.changeCollection(named, { name });
  return true;
}
