import { withBackPressure } from "../collection/back-pressure.ts";
import type { Collection } from "../collection/collection.ts";
import type { VectorTypes } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { isLarge, prepareLarge, writeLarge } from "./large.ts";
import { embeddedDimensions, embedGroups, type Failure } from "./passages.ts";
import { type SplitDocument, toRows } from "./split.ts";
import { writeRows } from "./write.ts";

export interface BatchContext {
  readonly services: Services;
  readonly collection: Collection;
  /** The collection, with the dimensions that its texts are embedded to. */
  readonly sized: Collection;
  readonly types: VectorTypes;
  readonly onFailure: (failure: Failure) => void;
  readonly signal: AbortSignal | undefined;
}

/** Embeds and writes a batch in one transaction. Returns the documents that were written. */
export async function writeBatch(
  context: BatchContext,
  batch: readonly SplitDocument[],
): Promise<readonly SplitDocument[]> {
  const { services, collection, sized, types, onFailure, signal } = context;
  const [only] = batch;
  if (batch.length === 1 && only && !only.document.embedding && isLarge(only.texts.length, only.bytes))
    return (await writeLargeDocument(context, only)) ? batch : [];
  const toEmbed = batch.filter(({ document }) => !document.embedding);
  const groups = toEmbed.map(({ texts }) => texts as readonly string[]);
  const embedded = await embedGroups(services, sized, groups, signal);
  const vectors = new Map(toEmbed.map((split, at) => [split, embedded[at]]));
  const ready: SplitDocument[] = [];
  const rows = batch.flatMap((split) => {
    const { id, embedding } = split.document;
    const own = embedding ? [embedding] : vectors.get(split);
    if (own instanceof AppError) {
      onFailure({ id, code: own.code, message: own.message });
      return [];
    }
    ready.push(split);
    return toRows(split, own);
  });
  await withBackPressure(services.database, collection.id, () =>
    asTenant(services.database, collection.tenantId, (transaction) =>
      writeRows(transaction, collection, rows, { types }),
    ),
  );
  return ready;
}

async function writeLargeDocument(context: BatchContext, split: SplitDocument): Promise<boolean> {
  const { services, collection, sized, types, onFailure, signal } = context;
  const rows = toRows(split);
  const refused = await prepareLarge(services, sized, rows, signal);
  if (refused) {
    onFailure({ id: split.document.id, code: refused.code, message: refused.message });
    return false;
  }
  await withBackPressure(services.database, collection.id, () =>
    asTenant(services.database, collection.tenantId, (transaction) =>
      writeLarge(services, transaction, collection, {
        rows,
        types,
        dimensions: embeddedDimensions(services, sized),
      }),
    ),
  );
  return true;
}
