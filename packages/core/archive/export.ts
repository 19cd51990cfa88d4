import { asc, eq, sql } from "drizzle-orm";
import { collectionColumns } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { stringifyJson } from "../database/json.ts";
import { collections } from "../database/schema.ts";
import { type Settings, UNLIMITED } from "../database/settings.ts";
import { asTenant } from "../database/transaction.ts";
import type { Tenant } from "../tenant/tenant.ts";
import { VERSION } from "../version.ts";
import { type ArchivedCollection, type CollectionSummary, makeHeader } from "./format.ts";
import { readPassages } from "./read-passages.ts";

export interface ExportOptions {
  /** Called with lines of the archive, each with its line break. */
  readonly onLines: (lines: readonly string[]) => Promise<void>;
  readonly onProgress?: (documents: number) => void;
  readonly signal?: AbortSignal;
}

/** A long transaction that sees a single state. */
const SINGLE_STATE: Settings = {
  ...UNLIMITED,
  transaction_isolation: "repeatable read",
  transaction_read_only: "on",
};

/**
 * Reads a tenant completely: its collections with their settings, and every passage with text, offset, metadata, URI and the
 * exact vector. In one transaction that sees a single state, so writers are neither seen nor disturbed. Collections that were
 * replaced by another model, or are being filled, are left out; so are keys, limits and jobs. Memory: 8 MB of rows.
 */
export async function exportTenant(
  database: Database,
  { id: tenantId, name }: Tenant,
  { onLines, onProgress, signal }: ExportOptions,
): Promise<readonly CollectionSummary[]> {
  const line = (value: object) => `${stringifyJson(value)}\n`;
  return asTenant(
    database,
    tenantId,
    async ({ orm }) => {
      const summaries: CollectionSummary[] = [];
      let documents = 0;
      const serving = await orm
        .select(collectionColumns)
        .from(collections)
        .where(sql`${eq(collections.tenantId, tenantId)} AND replaced_by IS NULL AND filled_from IS NULL`)
        .orderBy(asc(collections.name)); // the first statement: from here on the transaction sees this state
      await onLines([line(makeHeader(VERSION, { id: tenantId, name }))]);
      for (const collection of serving) {
        const { embeddingModel, dimensions, metric, language, metadata, attributes, indexSettings, chunking } =
          collection;
        const settings: ArchivedCollection = {
          id: collection.lineage,
          name: collection.name,
          embedding_model: embeddingModel,
          dimensions,
          metric,
          language,
          metadata,
          attributes,
          index_settings: { ...indexSettings },
          chunking: { ...chunking },
        };
        await onLines([line({ collection: settings })]);
        const summary = await readPassages(orm, collection, {
          async onLines(lines, count) {
            signal?.throwIfAborted();
            await onLines(lines);
            documents += count;
            onProgress?.(documents);
          },
        });
        await onLines([line({ summary })]);
        summaries.push(summary);
      }
      const passages = summaries.reduce((sum, summary) => sum + summary.passages, 0);
      await onLines([line({ end: { collections: summaries.length, documents, passages } })]);
      return summaries;
    },
    SINGLE_STATE,
  );
}
