import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { insertCollection } from "../collection/create.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { modelDimensions } from "../embedding/models.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { BuildOptions } from "./build.ts";
import { maintainIndexes } from "./indexes.ts";
import { type Filled, fillCollection, isFilled } from "./model-fill.ts";

export interface ModelChange extends BuildOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  readonly onProgress?: (event: {
    readonly phase: "embed" | "catch up" | "index" | "swap";
    readonly written: number;
  }) => void;
}

export interface ModelChanged extends Filled {
  /** Bears the name now. */
  readonly collection: Collection;
  /** What it was, under another name, until it is deleted. */
  readonly replaced: Collection;
}

/** Passes while writers go on; then the rest is brought over while they wait. */
const PASSES = 3;

/**
 * Embeds a collection anew by another model: fills a second collection beside it, indexes it, catches up with what was
 * written meanwhile, and lets it take the name in one transaction. Searches go on all the time, by the old model until
 * the name is taken. Broken off, the same call goes on where it was. What it was stays, for `restoreModel`.
 * Throws `invalid_input` where it has that model already, `embedder_unavailable`, and what the model fails with.
 */
export async function changeModel(
  services: Services,
  tenantId: string,
  model: string,
  options: ModelChange = {},
): Promise<ModelChanged> {
  const old = await getCollection(services.database, tenantId, options.collection);
  if (old.embeddingModel === model)
    throw new AppError(
      "invalid_input",
      `Collection ${JSON.stringify(old.name)} is embedded by ${model} already.`,
      {
        path: "model",
      },
    );
  services.embedders.get(model); // refused before anything is made
  const draft = await draftOf(services, old, model);
  return replaceCollection(services, old, draft, options);
}

/**
 * Gives the name back to the collection that bore it before, after bringing into it what was written since.
 * Throws `not_found` where there is none.
 */
export async function restoreModel(
  services: Services,
  tenantId: string,
  options: ModelChange = {},
): Promise<ModelChanged> {
  const { database } = services;
  const current = await getCollection(database, tenantId, options.collection);
  const before = (await listCollections(database, tenantId)).find(
    ({ replacedBy }) => replacedBy === current.id,
  );
  if (!before)
    throw new AppError(
      "not_found",
      `Nothing is kept from before collection ${JSON.stringify(current.name)}.`,
    );
  return replaceCollection(services, current, await reopen(database, before), options);
}

/** The collection being filled: made, or the one that an earlier call has begun. */
async function draftOf(
  { database, embedders }: Services,
  old: Collection,
  model: string,
): Promise<Collection> {
  const name = `${old.name.slice(0, 200)} (by ${model})`;
  const sized =
    modelDimensions(model) ?? (embedders.default.model === model ? embedders.default.dimensions : null);
  const { metric, metadata, language, indexSettings } = old;
  const draft = { name, embeddingModel: model, dimensions: sized, metric, metadata, language, indexSettings };
  const made = await insertCollection(database, old.tenantId, draft);
  if (made) return made;
  const begun = await getCollection(database, old.tenantId, name);
  return begun.replacedBy === null ? begun : reopen(database, begun);
}

/** Takes writes again: those that bring it up to date. */
async function reopen(database: Database, { tenantId, id }: Collection): Promise<Collection> {
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(
      sql`UPDATE cairn.collections SET replaced_by = NULL WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`,
    ),
  );
  return getCollection(database, tenantId, id);
}

async function replaceCollection(
  services: Services,
  old: Collection,
  draft: Collection,
  options: ModelChange,
): Promise<ModelChanged> {
  const { database } = services;
  const { onProgress, signal } = options;
  let total: Filled = { written: 0, deleted: 0, failed: [] };
  const fill = async (phase: "embed" | "catch up", within?: Transaction) => {
    const to = await getCollection(database, old.tenantId, draft.id); // the first vector may have decided its dimensions
    const filled = await fillCollection(services, old, to, {
      within,
      signal,
      onProgress: (written) => onProgress?.({ phase, written: total.written + written }),
    });
    total = {
      written: total.written + filled.written,
      deleted: total.deleted + filled.deleted,
      failed: [...total.failed, ...filled.failed],
    };
  };
  await fill("embed");
  onProgress?.({ phase: "index", written: total.written });
  await maintainIndexes(database, {
    ...options,
    tenantId: old.tenantId,
    collection: draft.id,
    onProgress: undefined,
    wait: 600_000,
  });
  for (let pass = 1; ; pass++) {
    await fill("catch up");
    // The embedded database has one connection, so nobody can be waiting there, nor can the model's cache be asked.
    const rest = pass > PASSES && database.kind !== "pglite";
    if (await takeName(database, old, draft, rest ? (within) => fill("catch up", within) : undefined)) break;
  }
  onProgress?.({ phase: "swap", written: total.written });
  const [collection, replaced] = await Promise.all([
    getCollection(database, old.tenantId, draft.id),
    getCollection(database, old.tenantId, old.id),
  ]);
  return { ...total, collection, replaced };
}

/**
 * The swap, in one transaction that no writer is in the middle of: false where one has been quicker than the last pass
 * and `bringRest` is not given. The lock waits for writers under way and holds up the next; those then find the
 * collection replaced, and look again.
 */
function takeName(
  database: Database,
  old: Collection,
  draft: Collection,
  bringRest: ((within: Transaction) => Promise<void>) | undefined,
): Promise<boolean> {
  return asTenant(database, old.tenantId, async (transaction) => {
    const { orm } = transaction;
    const row = ({ id }: Collection) =>
      sql`tenant_id = ${uuidLiteral(old.tenantId)} AND id = ${uuidLiteral(id)}`;
    const [locked] = await selectRows<{ name: string }>(
      orm,
      sql`SELECT name FROM cairn.collections WHERE ${row(old)} AND replaced_by IS NULL FOR UPDATE`,
    );
    if (!locked)
      throw new AppError(
        "collection_changed",
        `Collection ${JSON.stringify(old.name)} was replaced or deleted meanwhile.`,
      );
    if (bringRest) await bringRest(transaction);
    else if (!(await isFilled(transaction, old, draft))) return false;
    const kept = `${locked.name.slice(0, 200)} (by ${old.embeddingModel ?? "an unknown model"})`;
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${`${draft.id} in passing`} WHERE ${row(draft)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${kept}, replaced_by = ${uuidLiteral(draft.id)} WHERE ${row(old)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${locked.name}, replaced_by = NULL, updated_at = now() WHERE ${row(draft)}`,
    );
    return true;
  });
}
