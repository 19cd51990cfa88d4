import { withBackPressure } from "../collection/back-pressure.ts";
import type { Collection } from "../collection/collection.ts";
import type { VectorTypes } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { embedLargeDocument, isLargeDocument, writeLargeDocument } from "./large-document.ts";
import { embeddedDimensions, embedGroups, type Failure } from "./passages.ts";
import { type SplitDocument, toRows } from "./split.ts";
import { writeRows } from "./write.ts";

export interface BatchContext {
  readonly services: Services;
  readonly collection: Collection;
  /** The collection with the dimensions of its embeddings. */
  readonly sizedCollection: Collection;
  readonly types: VectorTypes;
  readonly onFailure: (failure: Failure) => void;
  readonly signal: AbortSignal | undefined;
}

/** Embeds a batch, writes it in one transaction, and returns the written documents. */
export async function writeBatch(
  context: BatchContext,
  batch: readonly SplitDocument[],
): Promise<readonly SplitDocument[]> {
  const { services, collection, sizedCollection, types, onFailure, signal } = context;
  const [only] = batch;
  if (batch.length === 1 && only && !only.document.embedding && isLargeDocument(only.texts.length, only.bytes))
    return (await ingestLargeDocument(context, only)) ? batch : [];
  const toEmbed = batch.filter(({ document }) => !document.embedding);
  const groups = toEmbed.map(({ texts }) => texts as readonly string[]);
  const embedded = await embedGroups(services, sizedCollection, groups, signal);
  const vectors = new Map(toEmbed.map((split, at) => [split, embedded[at]]));
  const written: SplitDocument[] = [];
  const rows = batch.flatMap((split) => {
    const { id, embedding } = split.document;
    const documentVectors = embedding ? [embedding] : vectors.get(split);
    if (documentVectors instanceof AppError) {
      onFailure({ id, code: documentVectors.code, message: documentVectors.message });
      return [];
    }
    written.push(split);
    return toRows(split, documentVectors);
  });
  await withBackPressure(services.database, collection.id, () =>
    asTenant(services.database, collection.tenantId, (transaction) =>
      writeRows(transaction, collection, rows, { types }),
    ),
  );
  return written;
}

async function ingestLargeDocument(context: BatchContext, split: SplitDocument): Promise<boolean> {
  const { services, collection, sizedCollection, types, onFailure, signal } = context;
  const rows = toRows(split);
  const fault = await embedLargeDocument(services, sizedCollection, rows, signal);
  if (fault) {
    onFailure({ id: split.document.id, code: fault.code, message: fault.message });
    return false;
  }
  await withBackPressure(services.database, collection.id, () =>
    asTenant(services.database, collection.tenantId, (transaction) =>
      writeLargeDocument(services, transaction, collection, {
        rows,
        types,
        dimensions: embeddedDimensions(services, sizedCollection),
      }),
    ),
  );
  return true;
}
