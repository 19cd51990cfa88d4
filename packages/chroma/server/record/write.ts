import { withBackPressure } from "@cairn/core/collection/back-pressure.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { isCollection } from "@cairn/core/collection/collection.ts";
import type { Database, Transaction } from "@cairn/core/database/database.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import type { RecordInput } from "@cairn/core/record/record.ts";
import { updateRecords } from "@cairn/core/record/update.ts";
import { writeRecords } from "@cairn/core/record/write.ts";
import { forgetTarget } from "@cairn/core/search/read-target.ts";
import { sql } from "drizzle-orm";
import { modelOf } from "../../source/model.ts";
import { chromaAttributes } from "../collection/stored.ts";
import type { CollectionRoute } from "../view/view.ts";
import { noteKeys } from "./note-keys.ts";
import { withCollection } from "./target.ts";
import { checkVectors } from "./vectors.ts";

export type WriteKind = "add" | "upsert" | "update";

/** Adds, upserts or updates records. */
export async function writeChromaRecords(
  database: Database,
  route: CollectionRoute,
  { kind, records }: { readonly kind: WriteKind; readonly records: readonly RecordInput[] },
): Promise<void> {
  if (records.length === 0) return;
  const types = await database.vectorTypes();
  await withCollection(database, route, async (collection) => {
    const checked = checkVectors(collection, records);
    const work = async (transaction: Transaction) => {
      const written =
        kind === "update"
          ? await updateRecords(transaction, collection, checked.records, { types })
          : await writeRecords(transaction, collection, checked.records, {
              types,
              existing: kind === "add" ? "ignore" : "merge",
            });
      if (checked.hasZeroVector) await noteZeroVectors(transaction, collection);
      if (collection.dimensions === null) await nameModel(transaction, collection, checked.records);
      return written;
    };
    const written = await withBackPressure(database, collection.id, () =>
      asTenant(database, collection.tenantId, work),
    );
    if (written > 0 && (await noteKeys(database, collection, records)))
      for (const id of [collection.id, route.collectionId]) forgetTarget(database, route.tenantId, id);
  });
}

/** Records that the collection has zero vectors, see `checkVectors`. */
async function noteZeroVectors({ orm }: Transaction, collection: Collection): Promise<void> {
  if (chromaAttributes(collection.attributes).zeroVectors) return;
  await orm.execute(sql`
    UPDATE cairn.collections SET attributes = jsonb_set(
      attributes, '{chroma}', coalesce(attributes->'chroma', '{}') || '{"zeroVectors": true}')
    WHERE ${isCollection(collection)}`);
}

/**
 * Names the model of the first vectors after the collection's embedding function, so that /v1 can search by text. Clients name
 * their default function even if the vectors come from elsewhere: then the dimensions differ, and the model stays unknown.
 */
async function nameModel({ orm }: Transaction, collection: Collection, records: readonly RecordInput[]): Promise<void> {
  const dimension = records.find(({ embedding }) => embedding)?.embedding?.length;
  const configuration = chromaAttributes(collection.attributes).configuration as never;
  if (dimension === undefined || configuration === undefined || collection.embeddingModel !== null) return;
  const { id, name } = collection;
  const model = modelOf({ id, name, dimension, metadata: null, configuration_json: configuration });
  if (model === null) return;
  await orm.execute(sql`UPDATE cairn.collections SET embedding_model = ${model} WHERE ${isCollection(collection)}`);
}
