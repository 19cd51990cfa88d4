import { setTimeout as sleep } from "node:timers/promises";
import type { Transaction } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { importRows } from "@cairn/core/document/import.ts";
import { embedGroups } from "@cairn/core/document/passages.ts";
import { addTombstones } from "@cairn/core/document/tombstone.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Finding, type Progress, saveProgress } from "../ledger/collection.ts";
import { addTally } from "../ledger/tally.ts";
import type { CopyContext } from "./context.ts";
import { keptFindings } from "./kept.ts";
import type { Change, ComparedPage, PageSource } from "./pages.ts";
import { isOwn } from "./stored.ts";

/**
 * Writes what a page lacks, and the cursor behind it, in one transaction. Safe to do twice: when a connection drops
 * and nobody knows whether the commit arrived, it is simply done again.
 */
export async function commitPage(
  context: CopyContext,
  from: PageSource,
  progress: Progress,
  page: ComparedPage,
  seconds: number,
): Promise<Progress> {
  const { services, run, settings } = context;
  const { discardChanges: overwrite } = settings;
  const kept = overwrite ? [] : page.changes.filter(({ stored }) => isOwn(stored));
  const wanted = overwrite ? page.changes : page.changes.filter(({ stored }) => !isOwn(stored));
  const { changes, refused } =
    from.rules.vectors === "embed"
      ? await embedChanges(context, from, wanted)
      : { changes: wanted, refused: [] };
  const findings: Finding[] = [
    ...page.setAside.map(({ id, reason, detail }) => ({ id, kind: reason, detail })),
    ...refused,
    ...keptFindings(kept, page.deleted),
    ...(progress.fresh ? [] : changes.map(({ difference }) => difference)),
  ];
  const next: Progress = {
    ...progress,
    position: page.position,
    written: progress.written + changes.length,
    seconds,
    tally: addTally(progress.tally, {
      ...page.tally,
      changed: changes.length,
      kept: kept.length,
      setAside: page.tally.setAside + refused.length,
    }),
  };
  const types = await services.database.vectorTypes();
  const rows = changes.flatMap((change) => change.rows);
  const fresh = progress.fresh && from.rules.vectors === "copy";
  const save = (transaction: Transaction) =>
    saveProgress(transaction, run, from.collection.id, next, findings);
  await retryPassing(() =>
    rows.length === 0 && page.own.length === 0
      ? asAdmin(services.database, save)
      : asTenant(
          services.database,
          from.target.tenantId,
          async (transaction) => {
            await importRows(transaction, from.target, rows, {
              types,
              origin: run.id,
              fresh,
              overwrite,
            });
            if (!overwrite) await addTombstones(transaction, from.target, page.own);
            await becomeAdmin(transaction);
            await save(transaction);
          },
          // A crash of the server may take the last pages, and their cursor with them; the pass's end waits for the disk.
          { synchronous_commit: "off" },
        ),
  );
  return next;
}

/** Gives every row with text its vector. A record that the model refuses keeps its text and is reported. */
async function embedChanges(
  context: CopyContext,
  from: PageSource,
  changes: readonly Change[],
): Promise<{ readonly changes: readonly Change[]; readonly refused: readonly Finding[] }> {
  const texts = changes.map(({ rows }) => rows.flatMap(({ content }) => (content?.trim() ? [content] : [])));
  const embedded = await embedGroups(context.services, from.target, texts, context.signal);
  const refused: Finding[] = [];
  const ready: Change[] = [];
  for (const [index, change] of changes.entries()) {
    const vectors = embedded[index] ?? [];
    if (!(vectors instanceof AppError)) {
      const rest = [...vectors];
      ready.push({
        ...change,
        rows: change.rows.map(
          (row): Row => ({ ...row, embedding: row.content?.trim() ? (rest.shift() ?? null) : null }),
        ),
      });
      continue;
    }
    refused.push({
      id: change.difference.id,
      kind: "embedding_refused",
      detail: `${vectors.message} The record is kept, without a vector.`,
    });
    if (change.difference.kind !== "vector") ready.push(change);
  }
  return { changes: ready, refused };
}

const PAUSES = [100, 300, 1_000, 3_000];

/** Tries again where a connection dropped or another writer was in the way. */
export async function retryPassing<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (
        !(error instanceof AppError) ||
        !["database_unavailable", "database_busy", "tenant_busy"].includes(error.code)
      )
        throw error;
      await sleep(pause);
    }
  }
  return work();
}
