import type { Transaction } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { importRows } from "@cairn/core/document/import.ts";
import { addTombstones } from "@cairn/core/document/tombstone.ts";
import { type Finding, type Progress, saveProgress } from "../ledger/collection.ts";
import { addTally } from "../ledger/tally.ts";
import type { CopyContext } from "./context.ts";
import { writeEmbedded } from "./embed.ts";
import { keptFindings } from "./kept.ts";
import type { ComparedPage, PageSource } from "./page.ts";
import { retryPassing } from "./retry.ts";
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
      ? await writeEmbedded(context, from, wanted)
      : { changes: wanted, refused: [] };
  const findings: Finding[] = [
    ...page.quarantined.map(({ id, reason, detail }) => ({ id, kind: reason, detail })),
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
      quarantined: page.tally.quarantined + refused.length,
    }),
  };
  const types = await services.database.vectorTypes();
  const rows = from.rules.vectors === "copy" ? changes.flatMap((change) => change.rows) : [];
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
              skipCleanup: progress.fresh,
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
