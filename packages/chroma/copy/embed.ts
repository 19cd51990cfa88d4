import type { Transaction } from "@cairn/core/database/database.ts";
import { asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { passageBytes, sliceByBytes } from "@cairn/core/document/byte-slices.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { importRows, undoConflictingWrites } from "@cairn/core/document/import.ts";
import {
  embedLargeDocument,
  isLargeDocument,
  writeLargeDocument,
} from "@cairn/core/document/large-document.ts";
import { embeddedDimensions, embedGroups } from "@cairn/core/document/passages.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Finding } from "../ledger/collection.ts";
import { assertHeld } from "../ledger/run.ts";
import type { CopyContext } from "./context.ts";
import type { Change, PageSource } from "./page.ts";
import { retryPassing } from "./retry.ts";

interface Embedded {
  readonly changes: readonly Change[];
  readonly refused: readonly Finding[];
}

/**
 * Gives every row with text its vector and writes the records, in transactions of a bounded number of bytes; the
 * cursor is not moved yet, so a run that is killed here writes the same again. A record that the model refuses keeps
 * its text and is reported.
 */
export async function writeEmbedded(
  context: CopyContext,
  from: PageSource,
  changes: readonly Change[],
): Promise<Embedded> {
  const dimensions = changes.length > 0 ? embeddedDimensions(context.services, from.target) : 0;
  const bytesOf = ({ rows }: Change) =>
    rows.reduce((sum, { content }) => sum + passageBytes(content, dimensions), 0);
  const written: Change[] = [];
  const refused: Finding[] = [];
  for await (const slice of sliceByBytes(changes, { bytesOf, passagesOf: ({ rows }) => rows.length })) {
    const [only] = slice;
    const done =
      slice.length === 1 && only && isLargeDocument(only.rows.length, bytesOf(only))
        ? await writeLargeChange(context, from, only)
        : await writeSmallChanges(context, from, slice);
    // What was written is only counted from here on.
    for (const change of done.changes) written.push({ ...change, rows: [], stored: [] });
    refused.push(...done.refused);
  }
  return { changes: written, refused };
}

async function writeSmallChanges(
  context: CopyContext,
  from: PageSource,
  changes: readonly Change[],
): Promise<Embedded> {
  const embedded = await embedChanges(context, from, changes);
  const rows = embedded.changes.flatMap((change) => change.rows);
  const types = await context.services.database.vectorTypes();
  if (rows.length > 0)
    await writeFenced(context, from, (transaction) =>
      importRows(transaction, from.target, rows, {
        types,
        origin: context.run.id,
        overwrite: context.settings.discardChanges,
      }),
    );
  return embedded;
}

/** A record whose vectors are more than is held at once. */
async function writeLargeChange(context: CopyContext, from: PageSource, change: Change): Promise<Embedded> {
  const { services, run, settings, signal } = context;
  const { rows } = change;
  const types = await services.database.vectorTypes();
  const refusal = await embedLargeDocument(services, from.target, rows, signal);
  const overwrite = settings.discardChanges;
  const options = { types, origin: run.id, overwrite };
  const keepsText = refusal === undefined || change.difference.kind !== "vector";
  if (keepsText)
    await writeFenced(context, from, async (transaction) => {
      if (refusal) return importRows(transaction, from.target, rows, options);
      const dimensions = embeddedDimensions(services, from.target);
      const prepared = { types, origin: run.id, rows, dimensions, keepServiceRows: !overwrite };
      await writeLargeDocument(services, transaction, from.target, prepared);
      return undoConflictingWrites(transaction, from.target, [change.difference.id], {
        ...options,
        mayHaveSkippedRows: true,
      });
    });
  return { changes: keepsText ? [change] : [], refused: refusal ? [toFinding(change, refusal)] : [] };
}

/** Writes in the tenant's transaction, unless another process has taken the run over. */
function writeFenced(
  { services, run }: CopyContext,
  { target }: PageSource,
  write: (transaction: Transaction) => Promise<unknown>,
): Promise<void> {
  return retryPassing(() =>
    asTenant(
      services.database,
      target.tenantId,
      async (transaction) => {
        await write(transaction);
        await becomeAdmin(transaction);
        await assertHeld(transaction, run);
      },
      { synchronous_commit: "off" },
    ),
  );
}

function toFinding({ difference: { id } }: Change, { message }: AppError): Finding {
  return { id, kind: "embedding_refused", detail: `${message} The record is kept, without a vector.` };
}

/** Gives every row with text its vector. A record that the model refuses keeps its text and is reported. */
async function embedChanges(
  context: CopyContext,
  from: PageSource,
  changes: readonly Change[],
): Promise<Embedded> {
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
    refused.push(toFinding(change, vectors));
    if (change.difference.kind !== "vector") ready.push(change);
  }
  return { changes: ready, refused };
}
