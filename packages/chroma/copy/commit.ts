import type { Transaction } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { importRows } from "@cairn/core/document/import.ts";
import { addTombstones } from "@cairn/core/document/tombstone.ts";
import { type Finding, type Progress, saveProgress } from "../ledger/collection.ts";
import { addTally } from "../ledger/tally.ts";
import { cairnChangeFindings } from "./cairn-changes.ts";
import type { CopyContext } from "./context.ts";
import { writeEmbedded } from "./embed.ts";
import type { ComparedPage, PassContext } from "./page.ts";
import { retryTransient } from "./retry.ts";
import { isWrittenByService } from "./stored.ts";

/**
 * Writes the changes of a page and the cursor behind it in one transaction. Idempotent: it is retried if a connection
 * drops and it is unknown whether the commit arrived.
 */
export async function commitPage(
  context: CopyContext,
  pass: PassContext,
  progress: Progress,
  page: ComparedPage,
  seconds: number,
): Promise<Progress> {
  const { services, run, settings } = context;
  const { discardChanges: overwrite } = settings;
  const keptChanges = overwrite ? [] : page.changes.filter(({ stored }) => isWrittenByService(stored));
  const pending = overwrite ? page.changes : page.changes.filter(({ stored }) => !isWrittenByService(stored));
  const { changes, refused } =
    pass.rules.vectors === "embed" ? await writeEmbedded(context, pass, pending) : { changes: pending, refused: [] };
  const findings: Finding[] = [
    ...page.quarantined.map(({ id, reason, detail }) => ({ id, kind: reason, detail })),
    ...refused,
    ...cairnChangeFindings(keptChanges, page.deleted),
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
      kept: keptChanges.length,
      quarantined: page.tally.quarantined + refused.length,
    }),
  };
  const types = await services.database.vectorTypes();
  const rows = pass.rules.vectors === "copy" ? changes.flatMap((change) => change.rows) : [];
  const save = (transaction: Transaction) => saveProgress(transaction, run, pass.collection.id, next, findings);
  await retryTransient(() =>
    rows.length === 0 && page.writtenByService.length === 0
      ? asAdmin(services.database, save)
      : asTenant(
          services.database,
          pass.target.tenantId,
          async (transaction) => {
            await importRows(transaction, pass.target, rows, {
              types,
              origin: run.id,
              skipCleanup: progress.fresh,
              overwrite,
            });
            if (!overwrite) await addTombstones(transaction, pass.target, page.writtenByService);
            await becomeAdmin(transaction);
            await save(transaction);
          },
          // A server crash may lose the last pages together with their cursor. The end of the pass is committed synchronously.
          { synchronous_commit: "off" },
        ),
  );
  return next;
}
