import type { Transaction } from "@cairn/core/database/database.ts";
import { asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { passageBytes, sliceByBytes } from "@cairn/core/document/byte-slices.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { importRows, undoConflictingWrites } from "@cairn/core/document/import.ts";
import { embedLargeDocument, isLargeDocument, writeLargeDocument } from "@cairn/core/document/large-document.ts";
import { embeddedDimensions, embedGroups } from "@cairn/core/document/passages.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Finding } from "../ledger/collection.ts";
import { assertLease } from "../ledger/run.ts";
import type { CopyContext } from "./context.ts";
import type { Change, PassContext } from "./page.ts";
import { retryTransient } from "./retry.ts";

interface EmbedResult {
  readonly changes: readonly Change[];
  readonly refused: readonly Finding[];
}

/**
 * Embeds every row with text and writes the records in transactions of limited size. The cursor is not moved yet, so a
 * run that is killed here writes the same records again. A record that the model refuses keeps its text and is reported.
 */
export async function writeEmbedded(
  context: CopyContext,
  pass: PassContext,
  changes: readonly Change[],
): Promise<EmbedResult> {
  const dimensions = changes.length > 0 ? embeddedDimensions(context.services, pass.target) : 0;
  const bytesOf = ({ rows }: Change) => rows.reduce((sum, { content }) => sum + passageBytes(content, dimensions), 0);
  const written: Change[] = [];
  const refused: Finding[] = [];
  for await (const slice of sliceByBytes(changes, { bytesOf, passagesOf: ({ rows }) => rows.length })) {
    const [first] = slice;
    const result =
      slice.length === 1 && first && isLargeDocument(first.rows.length, bytesOf(first))
        ? await writeLargeChange(context, pass, first)
        : await writeSmallChanges(context, pass, slice);
    // Written changes are only counted from here on, so their rows are dropped.
    for (const change of result.changes) written.push({ ...change, rows: [], stored: [] });
    refused.push(...result.refused);
  }
  return { changes: written, refused };
}

async function writeSmallChanges(
  context: CopyContext,
  pass: PassContext,
  changes: readonly Change[],
): Promise<EmbedResult> {
  const embedded = await embedChanges(context, pass, changes);
  const rows = embedded.changes.flatMap((change) => change.rows);
  const types = await context.services.database.vectorTypes();
  if (rows.length > 0)
    await writeFenced(context, pass, (transaction) =>
      importRows(transaction, pass.target, rows, {
        types,
        origin: context.run.id,
        overwrite: context.settings.discardChanges,
      }),
    );
  return embedded;
}

/** Writes a record whose vectors exceed the memory limit, in parts. */
async function writeLargeChange(context: CopyContext, pass: PassContext, change: Change): Promise<EmbedResult> {
  const { services, run, settings, signal } = context;
  const { rows } = change;
  const types = await services.database.vectorTypes();
  const refusal = await embedLargeDocument(services, pass.target, rows, signal);
  const overwrite = settings.discardChanges;
  const options = { types, origin: run.id, overwrite };
  const keepsText = refusal === undefined || change.difference.kind !== "vector";
  if (keepsText)
    await writeFenced(context, pass, async (transaction) => {
      if (refusal) return importRows(transaction, pass.target, rows, options);
      const dimensions = embeddedDimensions(services, pass.target);
      const largeOptions = { types, origin: run.id, rows, dimensions, keepServiceRows: !overwrite };
      await writeLargeDocument(services, transaction, pass.target, largeOptions);
      return undoConflictingWrites(transaction, pass.target, [change.difference.id], {
        ...options,
        mayHaveSkippedRows: true,
      });
    });
  return { changes: keepsText ? [change] : [], refused: refusal ? [toFinding(change, refusal)] : [] };
}

/** Writes in a transaction of the tenant, fenced by the run's lease. */
function writeFenced(
  { services, run }: CopyContext,
  { target }: PassContext,
  write: (transaction: Transaction) => Promise<unknown>,
): Promise<void> {
  return retryTransient(() =>
    asTenant(
      services.database,
      target.tenantId,
      async (transaction) => {
        await write(transaction);
        await becomeAdmin(transaction);
        await assertLease(transaction, run);
      },
      { synchronous_commit: "off" },
    ),
  );
}

function toFinding({ difference: { id } }: Change, { message }: AppError): Finding {
  return { id, kind: "embedding_refused", detail: `${message} The record is kept without a vector.` };
}

/** Embeds every row with text. A record that the model refuses keeps its text and is reported. */
async function embedChanges(context: CopyContext, pass: PassContext, changes: readonly Change[]): Promise<EmbedResult> {
  const texts = changes.map(({ rows }) => rows.flatMap(({ content }) => (content?.trim() ? [content] : [])));
  const embedded = await embedGroups(context.services, pass.target, texts, context.signal);
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
    refused.push(toFinding(change, vectors));
    if (change.difference.kind !== "vector") ready.push(change);
  }
  return { changes: ready, refused };
}
