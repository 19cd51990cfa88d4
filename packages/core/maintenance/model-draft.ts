import { randomUUID } from "node:crypto";
import { and, eq, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { collectionColumns } from "../collection/collection.ts";
import { validate } from "../collection/create.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { modelDimensions } from "../embedding/models.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";

// What is filled beside a collection to take its name. It takes no writes but these, and is known by that: it is
// replaced by itself until it serves, or by another since it did. Nobody else can make such a one.

/** The name of a collection beside another: what it was, or what it is to be. */
export function nameBeside(name: string, model: string | null): string {
  const short = name.slice(0, 200).replace(/[\uD800-\uDBFF]$/, "");
  return `${short} (by ${model ?? "an unknown model"})`;
}

/**
 * The collection to fill with another model's vectors: made, begun by an earlier call, or kept from when it served.
 * Throws `already_exists` where its name is somebody's own.
 */
export async function ensureDraft(
  { database, embedders }: Services,
  old: Collection,
  model: string,
): Promise<Collection> {
  const { tenantId, metric } = old;
  const name = nameBeside(old.name, model);
  const { default: standard } = embedders;
  const dimensions = modelDimensions(model) ?? (standard?.model === model ? standard.dimensions : null);
  validate({ name, embeddingModel: model, dimensions });
  const id = randomUUID();
  const draft = {
    tenantId,
    id,
    name,
    embeddingModel: model,
    dimensions,
    metric,
    replacedBy: id,
    filledFrom: old.id,
  };
  const [made] = await asTenant(database, tenantId, ({ orm }) =>
    orm
      .insert(collections)
      .values({ ...draft, ...copied(old) })
      .onConflictDoNothing()
      .returning(collectionColumns),
  );
  if (made) return made;
  const there = await getCollection(database, tenantId, name);
  if (there.embeddingModel === model && there.metric === metric) {
    if (there.replacedBy === there.id) return bringUpToDate(database, there, old);
    if (await hasServed(database, there, old)) return there;
  }
  throw nameTaken(there.name);
}

/** Throws `already_exists` where the name that a collection is to be kept under is another's than the one that takes its place. */
export async function assertKeepable(database: Database, old: Collection, next?: Collection): Promise<void> {
  const name = nameBeside(old.name, old.embeddingModel);
  const there = (await listCollections(database, old.tenantId)).find((one) => one.name === name);
  if (there && there.id !== next?.id) throw nameTaken(name);
}

export function nameTaken(name: string, cause?: unknown): AppError {
  return new AppError(
    "already_exists",
    `There is a collection ${JSON.stringify(name)}, which a change of model needs the name of and would not touch. ` +
      "Rename it, or delete it, and try again.",
    { cause, remedy: "rename_collection" },
  );
}

/**
 * Lets `work` write into a draft, within the transaction: nobody else ever finds it open.
 * Throws `collection_changed` where it serves by now, or is gone.
 */
export async function openDraft<T>(
  transaction: Transaction,
  { tenantId, id, name, replacedBy }: Collection,
  work: () => Promise<T>,
): Promise<T> {
  const row = sql`tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`;
  const opened = await selectRows(
    transaction.orm,
    sql`UPDATE cairn.collections SET replaced_by = NULL WHERE ${row} AND replaced_by = ${replacedBy}::uuid RETURNING id`,
  );
  if (opened.length === 0)
    throw new AppError(
      "collection_changed",
      `Collection ${JSON.stringify(name)} has come into use or was deleted meanwhile.`,
    );
  const result = await work();
  await transaction.orm.execute(
    sql`UPDATE cairn.collections SET replaced_by = ${replacedBy}::uuid WHERE ${row}`,
  );
  return result;
}

/** What a draft has of the collection whose name it is to take. */
function copied({ metadata, language, indexSettings, chunking }: Collection) {
  return { metadata, language, indexSettings, chunking };
}

/** Since it was begun these may have been changed. */
async function bringUpToDate(
  database: Database,
  { tenantId, id }: Collection,
  old: Collection,
): Promise<Collection> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm
      .update(collections)
      .set({ ...copied(old), filledFrom: old.id })
      .where(and(eq(collections.tenantId, tenantId), eq(collections.id, id))),
  );
  return getCollection(database, tenantId, id);
}

/** Whether it bore the name before the collection that bears it now, or before one of those in between. */
async function hasServed(database: Database, before: Collection, now: Collection): Promise<boolean> {
  const all = await listCollections(database, now.tenantId);
  const next = new Map(all.map(({ id, replacedBy }) => [id, replacedBy]));
  for (let id = before.replacedBy; id; id = next.get(id) ?? null) {
    if (id === now.id) return true;
    if (next.get(id) === id) return false;
  }
  return false;
}
