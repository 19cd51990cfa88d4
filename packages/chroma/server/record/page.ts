import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { SearchFilter } from "@cairn/core/filter/input.ts";
import { scanText } from "@cairn/core/filter/text-scan.ts";
import {
  assertFits,
  type ReadRecordsOptions,
  type RecordRow,
  readSplitTexts,
  recordsStatement,
} from "@cairn/core/record/read.ts";
import { readTarget } from "@cairn/core/search/read-target.ts";
import type { CollectionRoute } from "../view/view.ts";
import { asNotFound, servingId } from "./target.ts";

/** Records of a collection in insertion order, with the complete texts of documents that were split. */
export interface RecordPage {
  readonly collection: Collection;
  readonly rows: readonly RecordRow[];
  /** By the stored key. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Reads records in one round trip; texts that were split need one more. */
export async function readPage(
  database: Database,
  route: CollectionRoute,
  options: ReadRecordsOptions & { readonly filter: SearchFilter | undefined },
): Promise<RecordPage> {
  const id = await servingId(database, route);
  const { target, rows } = await scanText(options.filter?.readsText === true, (settings) =>
    asNotFound(route.collectionId, () =>
      readTarget(database, route.tenantId, id, ({ collection }) => ({
        plan: undefined,
        statements: [recordsStatement(collection, options)],
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
