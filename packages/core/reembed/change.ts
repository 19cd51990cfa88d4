import { sql } from "drizzle-orm";
import { type Collection, isCollection } from "../collection/collection.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { lineageOf } from "../document/tombstone.ts";
import { AppError } from "../error.ts";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import type { BuildOptions } from "../maintenance/build.ts";
import type { IndexFailure } from "../maintenance/index-failure.ts";
import { type MaintenanceResult, maintainIndexes } from "../maintenance/indexes.ts";
import { type Inspection, inspectCollection, servingRanges, tailOf } from "../maintenance/inspect.ts";
import type { Services } from "../services.ts";
import { measureCounted } from "../usage/measure.ts";
import { assertCopyNameFree, copyName, ensureDraft, nameTakenError } from "./draft.ts";
import { addFills, EMPTY_FILL, type FillResult, fillCollection, isFilled } from "./fill.ts";

export interface ModelChangeOptions extends BuildOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Milliseconds to wait for another process that builds indexes. Default 600,000. */
  readonly wait?: number;
  readonly onProgress?: (event: {
    readonly phase: "embed" | "catch up" | "index" | "evaluate" | "swap";
    readonly written: number;
  }) => void;
  /**
   * Called once with both collections when the draft is filled and indexed. If it throws, the change ends with that error, and
   * the draft is kept. Writes during the call are applied to the draft afterwards.
   */
  readonly beforeSwap?: (collections: Replacement) => Promise<void>;
}

export interface ModelChangeResult extends FillResult {
  /** The collection that has the name now. */
  readonly collection: Collection;
  /** The previous collection, kept under another name until it is deleted. */
  readonly replaced: Collection;
}

/** Passes during which writers continue. After them, the rest is filled while writers wait. */
const MAX_CONCURRENT_PASSES = 3;

/**
 * Embeds a collection with another model: fills a draft collection, indexes it, applies what is written meanwhile, and swaps
 * the names in one transaction. Searches use the old model until the swap. If interrupted, the same call continues. The old
 * collection is kept for `restoreModel`.
 * Throws `invalid_input` if the collection has that model or is not in use, `already_exists` if a needed name is taken,
 * `embedder_unavailable`, the errors of the model, and the reason for a missing index: a collection with an index is not
 * replaced by one without.
 */
export async function changeModel(
  services: Services,
  tenantId: string,
  model: string,
  options: ModelChangeOptions = {},
): Promise<ModelChangeResult> {
  const old = await getCollection(services.database, tenantId, options.collection);
  if (old.embeddingModel === model)
    throw new AppError(
      "invalid_input",
      `The model of collection ${JSON.stringify(old.name)} cannot be changed: the collection already uses ${model}.`,
      { path: "model" },
    );
  if (old.replacedBy !== null)
    throw new AppError(
      "invalid_input",
      `The model of collection ${JSON.stringify(old.name)} cannot be changed: the collection is a draft or was replaced. Name the collection in use.`,
      { path: "collection" },
    );
  services.embedders.get(model); // throws before anything is created
  await assertCopyNameFree(services.database, old);
  const draft = await ensureDraft(services, old, model);
  return replaceCollection(services, { old, draft }, options);
}

/**
 * Restores the collection that had the name before the last change of model, after filling it with what was written since. If
 * interrupted, the same call continues. Throws `not_found` if there is none.
 */
export async function restoreModel(
  services: Services,
  tenantId: string,
  options: ModelChangeOptions = {},
): Promise<ModelChangeResult> {
  const { database } = services;
  const current = await getCollection(database, tenantId, options.collection);
  const previous = (await listCollections(database, tenantId)).find(
    ({ id, replacedBy }) => replacedBy === current.id && id !== current.id,
  );
  if (!previous)
    throw new AppError(
      "not_found",
      `The model of collection ${JSON.stringify(current.name)} cannot be restored: no previous collection is kept.`,
    );
  await assertCopyNameFree(database, current, previous);
  return replaceCollection(services, { old: current, draft: previous }, options);
}

/** The collection to replace, and the draft that takes its name. */
export interface Replacement {
  readonly old: Collection;
  readonly draft: Collection;
}

async function replaceCollection(
  services: Services,
  { old, draft }: Replacement,
  options: ModelChangeOptions,
): Promise<ModelChangeResult> {
  const { database } = services;
  const { onProgress, signal } = options;
  let total = EMPTY_FILL;
  const fill = async (phase: "embed" | "catch up", transaction?: Transaction) => {
    const to = await getCollection(database, old.tenantId, draft.id); // the first vector may have set its dimensions
    const filled = await fillCollection(services, old, to, {
      transaction,
      signal,
      onProgress: (written) => onProgress?.({ phase, written: total.written + written }),
    });
    total = addFills(total, filled);
  };
  await fill("embed");
  onProgress?.({ phase: "index", written: total.written });
  await indexDraft(database, { old, draft }, options);
  if (options.beforeSwap) {
    await fill("catch up");
    onProgress?.({ phase: "evaluate", written: total.written });
    await options.beforeSwap({ old, draft: await getCollection(database, old.tenantId, draft.id) });
  }
  for (let pass = 1; ; pass++) {
    await fill("catch up");
    // PGlite has one connection: no writer can be waiting, and the embedding cache cannot be read inside the transaction.
    const blocksWriters = pass > MAX_CONCURRENT_PASSES && database.kind !== "pglite";
    const totalBefore = total;
    const fillRest = async (transaction: Transaction) => {
      total = totalBefore; // the transaction may run again after a conflict
      await fill("catch up", transaction);
    };
    if (await swapNames(database, old, draft, blocksWriters ? fillRest : undefined)) break;
  }
  onProgress?.({ phase: "swap", written: total.written });
  await measureCounted(database, old.tenantId); // vectors of other dimensions take other bytes
  const [collection, replaced] = await Promise.all([
    getCollection(database, old.tenantId, draft.id),
    getCollection(database, old.tenantId, old.id),
  ]);
  return { ...total, collection, replaced };
}

/** Indexes the draft if the old collection has an index. Throws the reason if that fails; embedded passages are kept. */
async function indexDraft(database: Database, { old, draft }: Replacement, options: ModelChangeOptions): Promise<void> {
  const { memory, workers, maxRows, signal, wait = 600_000 } = options;
  const address = { tenantId: old.tenantId, collection: draft.id };
  const build = { memory, workers, maxRows, signal };
  const result = await maintainIndexes(database, { ...address, ...build, wait, retryNow: true });
  const inspection = await inspectCollection(database, old.tenantId, draft.id);
  const { dimensions, indexSettings } = inspection.collection;
  const { threshold } = { ...INDEX_DEFAULTS, ...indexSettings };
  const rows = tailOf(inspection);
  if (dimensions === null || rows < threshold) return;
  if (servingRanges(await inspectCollection(database, old.tenantId, old.id)).length === 0) return;
  const { code, reason } = findFailure(result, inspection);
  throw new AppError(
    code,
    `The model of collection ${JSON.stringify(old.name)} is not changed: the collection has an index, and ${rows} rows of its replacement have none: ${reason} ` +
      "The old collection keeps serving. Embedded passages are kept: request the same change again to continue. " +
      "To change the model without an index, raise the threshold in the collection's index settings first.",
    { remedy: "reindex" },
  );
}

function findFailure(
  result: MaintenanceResult | undefined,
  { plan, collection }: Inspection,
): Pick<IndexFailure, "code" | "reason"> {
  const [failure] = result?.failed ?? [];
  if (failure) return failure;
  if (!result) return { code: "run_held", reason: "another process is building indexes." };
  if (!plan)
    return {
      code: "invalid_input",
      reason: `pgvector has no index for ${collection.dimensions} dimensions by ${collection.metric}.`,
    };
  return { code: "deadline_exceeded", reason: "the build takes longer than this process can run." };
}

/**
 * Swaps the names in one transaction. Returns false if writes followed the last pass and `fillRest` is undefined. The lock
 * waits for current writers and blocks the next ones, which then look up the name again.
 */
function swapNames(
  database: Database,
  old: Collection,
  draft: Collection,
  fillRest: ((transaction: Transaction) => Promise<void>) | undefined,
): Promise<boolean> {
  return asTenant(database, old.tenantId, async (transaction) => {
    const { orm } = transaction;
    const [locked] = await orm.selectRows<{ name: string }>(
      sql`SELECT name FROM cairn.collections WHERE ${isCollection(old)} AND replaced_by IS NULL AND replication IS NULL FOR UPDATE`,
    );
    if (!locked)
      throw new AppError(
        "collection_changed",
        `The model of collection ${JSON.stringify(old.name)} cannot be changed: the collection was replaced, replicated or deleted meanwhile.`,
      );
    if (fillRest) await fillRest(transaction);
    else if (!(await isFilled(transaction, old, draft))) return false;
    const copy = copyName(locked.name, old.embeddingModel);
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${`${draft.id} in passing`} WHERE ${isCollection(draft)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${copy}, replaced_by = ${uuidLiteral(draft.id)} WHERE ${isCollection(old)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${locked.name}, replaced_by = NULL, lineage = ${lineageOf(old)}, updated_at = now()
          WHERE ${isCollection(draft)}`,
    );
    return true;
  }).catch((error) => {
    throw hasSqlState(error, "23505") ? nameTakenError(copyName(old.name, old.embeddingModel), error) : error;
  });
}
