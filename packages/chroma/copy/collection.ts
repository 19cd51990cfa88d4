import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { asAdmin, becomeTenant } from "@cairn/core/database/transaction.ts";
import { eraseFromCopies, eraseRows, releaseErased } from "@cairn/core/document/erase.ts";
import { keysOf, storeId } from "@cairn/core/document/id.ts";
import { isImported } from "@cairn/core/document/insert.ts";
import { AppError } from "@cairn/core/error.ts";
import { captureChanges } from "@cairn/core/replication/capture.ts";
import { sql } from "drizzle-orm";
import {
  beginCollection,
  type Finding,
  type Progress,
  readProgress,
  saveProgress,
  saveTotal,
} from "../ledger/collection.ts";
import { assertLease } from "../ledger/run.ts";
import { EMPTY_TALLY } from "../ledger/tally.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { ChromaError } from "../source/client.ts";
import { type AdaptivePageSize, createAdaptivePageSize } from "./adaptive-page-size.ts";
import { extraFinding } from "./cairn-changes.ts";
import { commitPage } from "./commit.ts";
import { type CopyContext, progressSubject } from "./context.ts";
import { compareIdSets, type Extra } from "./id-sets.ts";
import type { PassContext } from "./page.ts";
import { comparedPages } from "./pages.ts";
import { copyRules } from "./record.ts";
import { retryTransient } from "./retry.ts";
import { deleteStaleTombstones } from "./stale-tombstones.ts";

/**
 * Copies one collection in passes until a pass over the complete source finds nothing to change and both sides list the
 * same ids. That pass is the proof. Returns the final progress; the findings are in the ledger.
 */
export async function migrateCollection(
  context: CopyContext,
  planned: PlannedCollection,
  target: Collection,
): Promise<Progress> {
  let progress = await beginCollection(context.services.database, context.run, planned, target);
  const adaptivePageSize = createAdaptivePageSize(context.settings.pageSize);
  try {
    while (progress.state === "copying") {
      const pass = await createPassContext(context, planned, {
        target,
        adaptivePageSize,
        fresh: progress.fresh,
      });
      progress = await concludePass(context, pass, await copyPass(context, pass, planned, progress));
    }
  } catch (error) {
    if (!isVanished(error)) throw error;
    const { database } = context.services;
    const saved = await asAdmin(database, (transaction) =>
      readProgress(transaction, context.run.id, planned.source.id),
    );
    progress = await save(context, planned.source.id, { ...saved, state: "vanished" });
  }
  const { seen } = progress.tally;
  const subject = progressSubject(planned);
  context.onProgress({ ...subject, phase: "done", pass: progress.pass, done: seen, total: seen });
  return progress;
}

/** Pages that may wait to be written while others are read. An occasional commit takes as long as several reads. */
const MAX_PAGES_WAITING = 3;

/** The context of a pass. Reads the target again, because the first vector may have set its dimensions. */
async function createPassContext(
  context: CopyContext,
  planned: PlannedCollection,
  {
    target,
    adaptivePageSize,
    fresh,
  }: { readonly target: Collection; readonly adaptivePageSize: AdaptivePageSize; readonly fresh: boolean },
): Promise<PassContext> {
  const { database } = context.services;
  const current = await getCollection(database, target.tenantId, target.id);
  return {
    source: context.source,
    database,
    collection: planned.source,
    target: current,
    rules: copyRules(context.services, planned, current),
    pageSize: context.settings.pageSize,
    maxPagesAhead: context.settings.concurrency + MAX_PAGES_WAITING,
    limit: context.limit,
    memory: context.memory,
    adaptivePageSize,
    fresh,
    discardChanges: context.settings.discardChanges,
  };
}

async function copyPass(
  context: CopyContext,
  pass: PassContext,
  planned: PlannedCollection,
  initial: Progress,
): Promise<Progress> {
  const started = performance.now();
  const total = await pass.source.count(pass.collection);
  await saveTotal(context.services.database, context.run, pass.collection.id, total);
  const event = {
    ...progressSubject(planned),
    phase: initial.fresh ? "copy" : "verify",
    pass: initial.pass,
    total,
  } as const;
  let progress = initial;
  context.onProgress({ ...event, done: progress.position });
  for await (const page of comparedPages(pass, initial.position)) {
    context.signal?.throwIfAborted();
    const seconds = initial.seconds + (performance.now() - started) / 1000;
    progress = await commitPage(context, pass, progress, page, seconds);
    context.onProgress({ ...event, done: progress.position, total: Math.max(total, progress.position) });
  }
  return progress;
}

/** Decides after a pass whether another pass follows, and saves the result. */
async function concludePass(context: CopyContext, pass: PassContext, progress: Progress): Promise<Progress> {
  const sourceId = pass.collection.id;
  const nextPass: Progress = {
    ...progress,
    fresh: false,
    pass: progress.pass + 1,
    position: 0,
    tally: EMPTY_TALLY,
  };
  const isLastPass = progress.pass >= context.settings.maxPasses;
  if (progress.tally.changed > 0 && !isLastPass) return save(context, sourceId, nextPass);
  const { stable, equal, extras } = await compareIdSets(pass, progress.tally);
  const { deleted, remaining } = await deleteExtras(context, pass, extras);
  const findings = remaining.map(({ id, writtenByService }) => extraFinding(id, writtenByService));
  const written = progress.written + deleted;
  if (progress.tally.changed === 0 && stable && deleted === 0 && (equal || remaining.length > 0)) {
    await deleteStaleTombstones(context, pass, progress.tally.listing);
    const { kept, deleted: deletedInCairn } = progress.tally;
    const state = equal && kept === 0 && deletedInCairn === 0 ? "identical" : "not_identical";
    return save(context, sourceId, { ...progress, state }, findings);
  }
  if (isLastPass)
    return save(context, sourceId, { ...progress, written, state: "not_identical" }, [
      ...findings,
      ...findUnsettled(progress, stable),
    ]);
  return save(context, sourceId, { ...nextPass, written });
}

function findUnsettled(progress: Progress, stable: boolean): readonly Finding[] {
  if (stable && progress.tally.changed === 0) return [];
  return [
    {
      id: "",
      kind: "missing",
      detail: `Chroma kept changing during ${progress.pass} passes. Run the migration again when there are fewer writes.`,
    },
  ];
}

/**
 * Deletes records from the target that this run copied and the source has deleted since. `prune` also deletes records
 * that earlier runs copied. `discardChanges` also deletes records that were written through the service.
 */
async function deleteExtras(
  context: CopyContext,
  { target }: PassContext,
  extras: readonly Extra[],
): Promise<{ readonly deleted: number; readonly remaining: readonly Extra[] }> {
  if (extras.length === 0) return { deleted: 0, remaining: [] };
  const { services, run, settings } = context;
  const keys = new Map(extras.map(({ id }) => [storeId(id).key, id]));
  const pruned = settings.prune ? isImported(sql`origin`) : sql`origin = ${run.id}::uuid`;
  const deletable = settings.discardChanges ? sql`true` : pruned;
  const remaining = await retryTransient(() =>
    services.database.transaction(async (transaction) => {
      await assertLease(transaction, run);
      await becomeTenant(transaction, target.tenantId);
      const extraRows = sql`${inCollection(target)} AND id = ANY(${sql.param([...keys.keys()])}::text[])`;
      const erased = await eraseRows(transaction.orm, target, sql`${extraRows} AND ${deletable}`);
      await captureChanges(transaction, target, erased.ids);
      await eraseFromCopies(transaction.orm, target, keysOf(erased.ids));
      await releaseErased(transaction.orm, target.tenantId, erased);
      // Not RETURNING: if the response to the commit is lost, a retry deletes nothing, but the records are deleted.
      return transaction.orm.selectRows<{ id: string; writtenByService: boolean }>(
        sql`SELECT id, bool_or(NOT ${isImported(sql`origin`)}) AS "writtenByService" FROM cairn.documents WHERE ${extraRows} GROUP BY id`,
      );
    }),
  );
  const remainingExtras = remaining.map(({ id, writtenByService }) => ({
    id: keys.get(id) ?? id,
    writtenByService,
  }));
  return { deleted: extras.length - remainingExtras.length, remaining: remainingExtras };
}

async function save(
  context: CopyContext,
  sourceId: string,
  progress: Progress,
  findings: readonly Finding[] = [],
): Promise<Progress> {
  await retryTransient(() =>
    context.services.database.transaction(async (transaction) => {
      await assertLease(transaction, context.run);
      await saveProgress(transaction, context.run, sourceId, progress, findings);
    }),
  );
  return progress;
}

/** Whether the source collection was deleted during the copy. */
function isVanished(error: unknown): boolean {
  return error instanceof AppError && error.code === "not_found" && error.cause instanceof ChromaError;
}
