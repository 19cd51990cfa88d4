import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import { INDEX_DEFAULTS } from "../collection/index-settings.ts";
import type { Database, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { lineageOf } from "../document/tombstone.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { BuildOptions } from "./build.ts";
import type { IndexFailure } from "./index-failure.ts";
import { type Maintained, maintainIndexes } from "./indexes.ts";
import { type Inspection, inspectCollection, servingRanges, tailOf } from "./inspect.ts";
import { assertKeepable, ensureDraft, nameBeside, nameTaken } from "./model-draft.ts";
import { addFilled, type Filled, fillCollection, isFilled, NOTHING_FILLED } from "./model-fill.ts";

export interface ModelChange extends BuildOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Milliseconds to wait for another process that builds indexes. Default 600,000. */
  readonly wait?: number;
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
 * Throws `invalid_input` where it has that model already or is not in use, `already_exists` where a name it needs is somebody's own,
 * `embedder_unavailable`, what the model fails with, and, rather than trade an index for none, why there is none yet.
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
  if (old.replacedBy !== null)
    throw new AppError(
      "invalid_input",
      `Collection ${JSON.stringify(old.name)} is not in use: another has its place, or it is to have another's. Name that one.`,
      { path: "collection" },
    );
  services.embedders.get(model); // refused before anything is made
  await assertKeepable(services.database, old);
  const draft = await ensureDraft(services, old, model);
  return replaceCollection(services, { old, draft }, options);
}

/**
 * Gives the name back to the collection that bore it before, after bringing into it what was written since. Broken
 * off, the same call goes on where it was. Throws `not_found` where there is none.
 */
export async function restoreModel(
  services: Services,
  tenantId: string,
  options: ModelChange = {},
): Promise<ModelChanged> {
  const { database } = services;
  const current = await getCollection(database, tenantId, options.collection);
  const before = (await listCollections(database, tenantId)).find(
    ({ id, replacedBy }) => replacedBy === current.id && id !== current.id,
  );
  if (!before)
    throw new AppError(
      "not_found",
      `Nothing is kept from before collection ${JSON.stringify(current.name)}.`,
    );
  await assertKeepable(database, current, before);
  return replaceCollection(services, { old: current, draft: before }, options);
}

/** Whose name is taken, and by what. */
interface Replacement {
  readonly old: Collection;
  readonly draft: Collection;
}

async function replaceCollection(
  services: Services,
  { old, draft }: Replacement,
  options: ModelChange,
): Promise<ModelChanged> {
  const { database } = services;
  const { onProgress, signal } = options;
  let total = NOTHING_FILLED;
  const fill = async (phase: "embed" | "catch up", within?: Transaction) => {
    const to = await getCollection(database, old.tenantId, draft.id); // the first vector may have decided its dimensions
    const filled = await fillCollection(services, old, to, {
      within,
      signal,
      onProgress: (written) => onProgress?.({ phase, written: total.written + written }),
    });
    total = addFilled(total, filled);
  };
  await fill("embed");
  onProgress?.({ phase: "index", written: total.written });
  await indexDraft(database, { old, draft }, options);
  for (let pass = 1; ; pass++) {
    await fill("catch up");
    // The embedded database has one connection, so nobody can be waiting there, nor can the model's cache be asked.
    const rest = pass > PASSES && database.kind !== "pglite";
    const before = total;
    const bringRest = async (within: Transaction) => {
      total = before; // the transaction may run again after a conflict
      await fill("catch up", within);
    };
    if (await takeName(database, old, draft, rest ? bringRest : undefined)) break;
  }
  onProgress?.({ phase: "swap", written: total.written });
  const [collection, replaced] = await Promise.all([
    getCollection(database, old.tenantId, draft.id),
    getCollection(database, old.tenantId, old.id),
  ]);
  return { ...total, collection, replaced };
}

/** Searches that had an index have one afterwards. Throws why not, and how to go on: what is embedded stays. */
async function indexDraft(
  database: Database,
  { old, draft }: Replacement,
  options: ModelChange,
): Promise<void> {
  const { memory, workers, maxRows, signal, wait = 600_000 } = options;
  const which = { tenantId: old.tenantId, collection: draft.id };
  const build = { memory, workers, maxRows, signal };
  const maintained = await maintainIndexes(database, { ...which, ...build, wait, insist: true });
  const inspection = await inspectCollection(database, old.tenantId, draft.id);
  const { dimensions, indexSettings } = inspection.collection;
  const { threshold } = { ...INDEX_DEFAULTS, ...indexSettings };
  const rows = tailOf(inspection);
  if (dimensions === null || rows < threshold) return;
  if (servingRanges(await inspectCollection(database, old.tenantId, old.id)).length === 0) return;
  const { code, reason } = whyNot(maintained, inspection);
  throw new AppError(
    code,
    `Collection ${JSON.stringify(old.name)} has an index, and ${rows} rows of what is to take its place have none: ${reason} ` +
      "So it serves as it was. What is embedded is kept: the same change of model, requested again, continues from here. " +
      "Where it may do without an index, raise the threshold of its index settings first.",
    { remedy: "reindex" },
  );
}

function whyNot(
  maintained: Maintained | undefined,
  { plan, collection }: Inspection,
): Pick<IndexFailure, "code" | "reason"> {
  const [failure] = maintained?.failed ?? [];
  if (failure) return failure;
  if (!maintained) return { code: "run_held", reason: "another process builds indexes." };
  if (!plan)
    return {
      code: "invalid_input",
      reason: `pgvector has no index for ${collection.dimensions} dimensions by ${collection.metric}.`,
    };
  return { code: "deadline_exceeded", reason: "to build it takes longer than this process has." };
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
    const kept = nameBeside(locked.name, old.embeddingModel);
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${`${draft.id} in passing`} WHERE ${row(draft)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${kept}, replaced_by = ${uuidLiteral(draft.id)} WHERE ${row(old)}`,
    );
    await orm.execute(
      sql`UPDATE cairn.collections SET name = ${locked.name}, replaced_by = NULL, lineage = ${lineageOf(old)}, updated_at = now()
          WHERE ${row(draft)}`,
    );
    return true;
  }).catch((error) => {
    throw hasSqlState(error, "23505") ? nameTaken(nameBeside(old.name, old.embeddingModel), error) : error;
  });
}
