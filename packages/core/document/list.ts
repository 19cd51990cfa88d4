import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { compileFilters, type FilterInput } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import type { Document } from "./document.ts";
import { keysOf, storeId } from "./id.ts";
import { type ReadLimits, readDocuments } from "./read.ts";
import { MAX_RESPONSE_BYTES, responseTooLarge } from "./response-size.ts";

export interface ListOptions extends FilterInput {
  readonly collection?: string;
  /** Maximum documents, 1 to 1,000. Default 100. */
  readonly limit?: number;
  /** The cursor that the previous page returned. */
  readonly after?: string;
  /** Maximum bytes of texts, metadata, URIs and vectors. A page ends before it exceeds them. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
  /** Whether passages have their vectors. Default false. */
  readonly embeddings?: boolean;
}

export interface DocumentPage {
  readonly documents: readonly Document[];
  /** The `after` of the next page; null: this is the last page. */
  readonly next: string | null;
}

export interface GetOptions extends Partial<ReadLimits> {
  readonly collection?: string;
  readonly ids: readonly string[];
  /** The advice if the documents are too large. Default: to read fewer passages per request. */
  readonly remedy?: string;
}

/**
 * The documents with these ids, in no particular order. Missing documents are omitted. Throws `not_found` for the
 * collection, and `response_too_large` if the documents exceed `maxBytes` together.
 */
export function getDocuments(
  database: Database,
  tenantId: string,
  { collection: name, ids, maxBytes = MAX_RESPONSE_BYTES, remedy = DEFAULT_REMEDY, ...limits }: GetOptions,
): Promise<readonly Document[]> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, name);
    const keys = keysOf(ids);
    const { documents, tooLarge } = await readDocuments(orm, collection, { ...limits, keys, maxBytes });
    if (!tooLarge) return documents;
    const what = documents.length === 0 ? "The document" : `${documents.length} documents and`;
    throw responseTooLarge(`${what} ${quote(tooLarge.id)}`, { ...tooLarge, maxBytes, remedy });
  });
}

const DEFAULT_REMEDY = "Read fewer of its passages per request (first_passage, passages), or fewer documents.";

function quote(id: string): string {
  return JSON.stringify(id.length > 100 ? `${id.slice(0, 100)}…` : id);
}

/**
 * A page of the documents with a passage that matches the filter, in the byte order of their ids. The page ends early if
 * the next document would exceed `maxBytes`. If a single document exceeds it, throws `response_too_large` with the cursor
 * after that document.
 */
export async function listDocuments(
  database: Database,
  tenantId: string,
  options: ListOptions = {},
): Promise<DocumentPage> {
  const { limit = 100, maxBytes = MAX_RESPONSE_BYTES, embeddings } = options;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000))
    throw new AppError("invalid_input", `limit must be a whole number from 1 to 1,000, not ${limit}.`, {
      path: "limit",
    });
  const { matches, readsText } = compileFilters(options);
  const after = options.after === undefined ? null : decodeCursor(options.after);
  const work = async ({ orm }: Transaction) => {
    const collection = await requireCollection(orm, tenantId, options.collection);
    const keys = await orm.selectRows<{ id: string }>(sql`SELECT DISTINCT id FROM cairn.documents
          WHERE ${inCollection(collection)} AND ${matches} ${after === null ? sql`` : sql`AND id > ${after}::text`}
          ORDER BY id LIMIT ${limit + 1}::int`);
    const page = keys.slice(0, limit).map(({ id }) => id);
    const { documents, tooLarge } = await readDocuments(orm, collection, { keys: page, maxBytes, embeddings });
    const cursor = (key: string | undefined) => Buffer.from(key ?? "").toString("base64url");
    if (tooLarge && documents.length === 0)
      throw responseTooLarge(`The document ${quote(tooLarge.id)}`, {
        ...tooLarge,
        maxBytes,
        remedy: `Read its passages in ranges: GET /v1/documents/{id} with first_passage and passages. Continue the list after it with after=${cursor(storeId(tooLarge.id).key)}`,
      });
    if (tooLarge) return { documents, next: cursor(storeId((documents.at(-1) as Document).id).key) };
    return { documents, next: keys.length > limit ? cursor(page.at(-1)) : null };
  };
  return scanText(readsText, (settings) => asTenant(database, tenantId, work, settings));
}

function decodeCursor(after: string): string {
  const key = Buffer.from(after, "base64url").toString();
  if (after === "" || key.includes("\0") || Buffer.from(key).toString("base64url") !== after)
    throw new AppError(
      "invalid_input",
      `The documents cannot be listed: ${JSON.stringify(after)} is not a cursor. Use the cursor that the previous page returned.`,
      { path: "after" },
    );
  return key;
}
