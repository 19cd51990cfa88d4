import { chunkSizes } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, becomeTenant } from "@cairn/core/database/transaction.ts";
import { eraseFromCopies, eraseRows } from "@cairn/core/document/erase.ts";
import { storeId } from "@cairn/core/document/id.ts";
import { inCollection } from "@cairn/core/document/read.ts";
import { isImported } from "@cairn/core/document/write.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import {
  beginCollection,
  type Finding,
  type Progress,
  readProgress,
  saveProgress,
  saveTotal,
} from "../ledger/collection.ts";
import { assertHeld } from "../ledger/run.ts";
import { EMPTY_TALLY } from "../ledger/tally.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { ChromaFault } from "../source/client.ts";
import { commitPage } from "./commit.ts";
import type { CopyContext } from "./context.ts";
import { forgetGone } from "./forget.ts";
import { extraFinding } from "./kept.ts";
import type { PageSource } from "./page.ts";
import { createPageSize, type PageSize } from "./page-size.ts";
import { comparedPages } from "./pages.ts";
import { retryPassing } from "./retry.ts";
import { checkSets, type Extra } from "./sets.ts";

/**
 * Copies one collection until a pass over the whole source finds nothing to change and both sides list the same ids:
 * that pass is the proof. Returns how it ended; the ledger holds the findings.
 */
export async function migrateCollection(
  context: CopyContext,
  planned: PlannedCollection,
  target: Collection,
): Promise<Progress> {
  let progress = await beginCollection(context.services.database, context.run, planned, target);
  const pageSizing = createPageSize(context.settings.pageSize);
  try {
    while (progress.state === "copying") {
      const from = await pageSource(context, planned, { target, pageSizing, fresh: progress.fresh });
      progress = await concludePass(context, from, await copyPass(context, from, planned, progress));
    }
  } catch (error) {
    if (!isVanished(error)) throw error;
    const { database } = context.services;
    const reached = await asAdmin(database, (transaction) =>
      readProgress(transaction, context.run.id, planned.source.id),
    );
    progress = await save(context, planned.source.id, { ...reached, state: "vanished" });
  }
  const { seen } = progress.tally;
  context.onProgress({
    id: planned.source.id,
    collection: planned.source.name,
    tenant: planned.place.tenant,
    phase: "done",
    pass: progress.pass,
    done: seen,
    total: seen,
  });
  return progress;
}

/** Pages that may wait to be written while others are read: a commit now and then takes as long as several reads. */
const READY = 3;

/** What a pass reads from; the target anew, as the first vector may have decided its dimensions. */
async function pageSource(
  context: CopyContext,
  planned: PlannedCollection,
  {
    target,
    pageSizing,
    fresh,
  }: { readonly target: Collection; readonly pageSizing: PageSize; readonly fresh: boolean },
): Promise<PageSource> {
  const { database } = context.services;
  const current = await getCollection(database, target.tenantId, target.id);
  return {
    source: context.source,
    database,
    collection: planned.source,
    target: current,
    rules: {
      vectors: planned.vectors,
      metric: current.metric,
      dimensions: current.dimensions,
      chunking: chunkSizes(current.chunking, textLimit(context.services.embedders, current.embeddingModel)),
    },
    pageSize: context.settings.pageSize,
    ahead: context.settings.concurrency + READY,
    limit: context.limit,
    memory: context.memory,
    pageSizing,
    fresh,
    discardChanges: context.settings.discardChanges,
  };
}

async function copyPass(
  context: CopyContext,
  from: PageSource,
  planned: PlannedCollection,
  begun: Progress,
): Promise<Progress> {
  const started = performance.now();
  const total = await from.source.count(from.collection);
  await saveTotal(context.services.database, context.run, from.collection.id, total);
  const event = {
    id: from.collection.id,
    collection: from.collection.name,
    tenant: planned.place.tenant,
    phase: begun.fresh ? "copy" : "verify",
    pass: begun.pass,
    total,
  } as const;
  let progress = begun;
  context.onProgress({ ...event, done: progress.position });
  for await (const page of comparedPages(from, begun.position)) {
    context.signal?.throwIfAborted();
    const seconds = begun.seconds + (performance.now() - started) / 1000;
    progress = await commitPage(context, from, progress, page, seconds);
    context.onProgress({ ...event, done: progress.position, total: Math.max(total, progress.position) });
  }
  return progress;
}

/** After a pass: the next one, or the end. */
async function concludePass(context: CopyContext, from: PageSource, progress: Progress): Promise<Progress> {
  const sourceId = from.collection.id;
  const again: Progress = {
    ...progress,
    fresh: false,
    pass: progress.pass + 1,
    position: 0,
    tally: EMPTY_TALLY,
  };
  const last = progress.pass >= context.settings.maxPasses;
  if (progress.tally.changed > 0 && !last) return save(context, sourceId, again);
  const { stable, equal, extras } = await checkSets(from, progress.tally);
  const { deleted, left } = await deleteExtras(context, from, extras);
  const findings = left.map(({ id, own }) => extraFinding(id, own));
  const written = progress.written + deleted;
  if (progress.tally.changed === 0 && stable && deleted === 0 && (equal || left.length > 0)) {
    await forgetGone(context, from, progress.tally.listing);
    const { kept, deleted: deletedHere } = progress.tally;
    const state = equal && kept === 0 && deletedHere === 0 ? "identical" : "not_identical";
    return save(context, sourceId, { ...progress, state }, findings);
  }
  if (last)
    return save(context, sourceId, { ...progress, written, state: "not_identical" }, [
      ...findings,
      ...unsettled(progress, stable),
    ]);
  return save(context, sourceId, { ...again, written });
}

function unsettled(progress: Progress, stable: boolean): readonly Finding[] {
  if (stable && progress.tally.changed === 0) return [];
  return [
    {
      id: "",
      kind: "missing",
      detail: `Chroma kept changing through ${progress.pass} passes. Run it again when it is written to less.`,
    },
  ];
}

/**
 * Deletes from the target what the source has deleted since this very run copied it. What was there before, or came
 * through the service, stays unless the user asked for it to go; `prune` asks for what earlier runs copied.
 */
async function deleteExtras(
  context: CopyContext,
  { target }: PageSource,
  extras: readonly Extra[],
): Promise<{ readonly deleted: number; readonly left: readonly Extra[] }> {
  if (extras.length === 0) return { deleted: 0, left: [] };
  const { services, run, settings } = context;
  const keys = new Map(extras.map(({ id }) => [storeId(id).key, id]));
  const pruned = settings.prune ? isImported(sql`origin`) : sql`origin = ${run.id}::uuid`;
  const doomed = settings.discardChanges ? sql`true` : pruned;
  const left = await retryPassing(() =>
    services.database.transaction(async (transaction) => {
      await assertHeld(transaction, run);
      await becomeTenant(transaction, target.tenantId);
      const among = sql`${inCollection(target)} AND id = ANY(${sql.param([...keys.keys()])}::text[])`;
      const erased = await eraseRows(transaction.orm, target, sql`${among} AND ${doomed}`);
      await eraseFromCopies(transaction.orm, target, erased.keys);
      // Not RETURNING: where the commit's answer was lost, a second try deletes nothing and they are gone all the same.
      return selectRows<{ id: string; own: boolean }>(
        transaction.orm,
        sql`SELECT id, bool_or(NOT ${isImported(sql`origin`)}) AS own FROM cairn.documents WHERE ${among} GROUP BY id`,
      );
    }),
  );
  const stayed = left.map(({ id, own }) => ({ id: keys.get(id) ?? id, own }));
  return { deleted: extras.length - stayed.length, left: stayed };
}

async function save(
  context: CopyContext,
  sourceId: string,
  progress: Progress,
  findings: readonly Finding[] = [],
): Promise<Progress> {
  await retryPassing(() =>
    context.services.database.transaction(async (transaction) => {
      await assertHeld(transaction, context.run);
      await saveProgress(transaction, context.run, sourceId, progress, findings);
    }),
  );
  return progress;
}

/** The source collection was deleted while it was being copied. */
function isVanished(error: unknown): boolean {
  return error instanceof AppError && error.code === "not_found" && error.cause instanceof ChromaFault;
}
