import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { type Collection, collectionColumns, isCollection } from "../collection/collection.ts";
import { validate } from "../collection/create.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { collections } from "../database/schema.ts";
import { asTenant } from "../database/transaction.ts";
import { modelDimensions } from "../embedding/models.ts";
import { AppError } from "../error.ts";
import { assertNotReplicated } from "../replication/role.ts";
import type { Services } from "../services.ts";

// A draft is a collection that is filled to take the name of another. Only a change of model writes into it. It is marked by
// `replaced_by`: its own id before it serves, another id after it served. Nothing else creates such a collection.

/** The name of a draft or a kept collection, from the name of the collection in use and the model. */
export function copyName(name: string, model: string | null): string {
  const short = name.slice(0, 200).replace(/[\uD800-\uDBFF]$/, "");
  return `${short} (by ${model ?? "an unknown model"})`;
}

/**
 * The draft for another model: created, left by an earlier call, or a kept collection that served before. Throws
 * `already_exists` if an unrelated collection has its name.
 */
export async function ensureDraft(
  { database, embedders }: Services,
  old: Collection,
  model: string,
): Promise<Collection> {
  assertNotReplicated(old, "get another model");
  const { tenantId, metric } = old;
  const name = copyName(old.name, model);
  const { default: defaultEmbedder } = embedders;
  const dimensions = modelDimensions(model) ?? (defaultEmbedder?.model === model ? defaultEmbedder.dimensions : null);
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
  const [created] = await asTenant(database, tenantId, ({ orm }) =>
    orm
      .insert(collections)
      .values({ ...draft, ...copiedSettings(old) })
      .onConflictDoNothing()
      .returning(collectionColumns),
  );
  if (created) return created;
  const existing = await getCollection(database, tenantId, name);
  if (existing.embeddingModel === model && existing.metric === metric) {
    if (existing.replacedBy === existing.id) return updateDraft(database, existing, old);
    if (await hasServed(database, existing, old)) return existing;
  }
  throw nameTakenError(existing.name);
}

/** Throws `already_exists` if the name to keep a collection under is taken, unless by `next`, the collection that replaces it. */
export async function assertCopyNameFree(database: Database, old: Collection, next?: Collection): Promise<void> {
  const name = copyName(old.name, old.embeddingModel);
  const existing = (await listCollections(database, old.tenantId)).find((collection) => collection.name === name);
  if (existing && existing.id !== next?.id) throw nameTakenError(name);
}

export function nameTakenError(name: string, cause?: unknown): AppError {
  return new AppError(
    "already_exists",
    `The model cannot be changed: it needs the name ${JSON.stringify(name)}, which an unrelated collection has. ` +
      "Rename that collection or delete it, and try again.",
    { cause, remedy: "rename_collection" },
  );
}

/**
 * Runs `work`, which can write into a draft, within the transaction. Other transactions never see the draft writable. Throws
 * `collection_changed` if it serves by now or was deleted.
 */
export async function openDraft<T>(transaction: Transaction, draft: Collection, work: () => Promise<T>): Promise<T> {
  const { name, replacedBy } = draft;
  const row = isCollection(draft);
  const opened = await transaction.orm.selectRows(
    sql`UPDATE cairn.collections SET replaced_by = NULL WHERE ${row} AND replaced_by = ${replacedBy}::uuid RETURNING id`,
  );
  if (opened.length === 0)
    throw new AppError(
      "collection_changed",
      `The draft ${JSON.stringify(name)} cannot be filled: it is in use by now or was deleted.`,
    );
  const result = await work();
  await transaction.orm.execute(sql`UPDATE cairn.collections SET replaced_by = ${replacedBy}::uuid WHERE ${row}`);
  return result;
}

/** The settings that a draft copies from the collection that it replaces. */
function copiedSettings({ metadata, attributes, language, indexSettings, chunking }: Collection) {
  return { metadata, attributes, language, indexSettings, chunking };
}

/** Copies the settings again, as they may have changed since the draft was created. */
async function updateDraft(database: Database, draft: Collection, old: Collection): Promise<Collection> {
  const { tenantId, id } = draft;
  await asTenant(database, tenantId, ({ orm }) =>
    orm
      .update(collections)
      .set({ ...copiedSettings(old), filledFrom: old.id })
      .where(isCollection(draft)),
  );
  return getCollection(database, tenantId, id);
}

/** Whether `previous` had the name before `current`, directly or with other collections in between. */
async function hasServed(database: Database, previous: Collection, current: Collection): Promise<boolean> {
  const all = await listCollections(database, current.tenantId);
  const next = new Map(all.map(({ id, replacedBy }) => [id, replacedBy]));
  for (let id = previous.replacedBy; id; id = next.get(id) ?? null) {
    if (id === current.id) return true;
    if (next.get(id) === id) return false;
  }
  return false;
}
