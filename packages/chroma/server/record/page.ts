import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { SearchFilter } from "@cairn/core/filter/input.ts";
import { scanText } from "@cairn/core/filter/text-scan.ts";
import {
  assertFits,
  type RecordField,
  type RecordRow,
  type RecordsValues,
  readSplitTexts,
  recordsStatement,
  recordsValues,
} from "@cairn/core/record/read.ts";
import { cachedTarget, readTarget } from "@cairn/core/search/read-target.ts";
import type { Conditions } from "../request/where.ts";
import type { CollectionRoute } from "../view/view.ts";
import { assertIndexed } from "./assert-indexed.ts";
import { cachedStatement } from "./statement-cache.ts";
import { asNotFound, servingId } from "./target.ts";

/** Records of a collection in insertion order, with the complete texts of documents that were split. */
export interface RecordPage {
  readonly collection: Collection;
  readonly rows: readonly RecordRow[];
  /** By the stored key. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface PageOptions extends RecordsValues {
  readonly fields: readonly RecordField[];
  readonly filter?: SearchFilter;
  /** The conditions of the filter, which the schema of the collection may forbid. Default: not checked. */
  readonly conditions?: Conditions;
}

/** Reads records in one round trip; texts that were split need one more. */
export async function readPage(database: Database, route: CollectionRoute, options: PageOptions): Promise<RecordPage> {
  const { fields, filter, conditions, ids, offset = 0 } = options;
  const shape = { fields, filter, hasIds: ids !== undefined, hasOffset: offset > 0 };
  const id = await servingId(database, route);
  if (conditions) {
    const { collection } = await asNotFound(route.collectionId, () => cachedTarget(database, route.tenantId, id));
    assertIndexed(collection, conditions);
  }
  const { target, rows } = await scanText(options.filter?.readsText === true, (settings) =>
    asNotFound(route.collectionId, () =>
      readTarget(database, route.tenantId, id, (current) => ({
        plan: undefined,
        statements: [
          filter
            ? recordsStatement(current.collection, shape)
            : cachedStatement(current, JSON.stringify(shape), () => recordsStatement(current.collection, shape)),
        ],
        values: recordsValues(options),
        prepare: filter === undefined,
        settings,
      })),
    ),
  );
  const records = (rows[0] ?? []) as readonly RecordRow[];
  assertFits(records, options.maxBytes);
  const keys = records.filter((row) => row.is_split).map((row) => row.id);
  const texts = await readSplitTexts(database, target.collection, { keys, maxBytes: options.maxBytes });
  return { collection: target.collection, rows: records, texts };
}
