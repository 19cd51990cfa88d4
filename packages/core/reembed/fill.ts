import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import { decodeJson } from "../database/json.ts";
import type { Settings } from "../database/settings.ts";
import { decodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { MAX_SLICE_BYTES } from "../document/byte-slices.ts";
import { deleteRows } from "../document/delete-rows.ts";
import type { Row } from "../document/document.ts";
import { headingsField } from "../document/headings.ts";
import { restoreId, storeId } from "../document/id.ts";
import { embeddedDimensions, embedGroups, type Failure } from "../document/passages.ts";
import { HEADINGS, type PassageColumns, TEXT_OFFSET } from "../document/read.ts";
import { writeRows } from "../document/write.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { openDraft } from "./draft.ts";

/** Maximum passages that are embedded and written at once. Large texts or vectors reduce it. */
const MAX_PAGE_ROWS = 500;

/** Maximum failures that are listed. */
const MAX_LISTED = 1_000;

export interface FillResult {
  readonly written: number;
  readonly deleted: number;
  /** The first 1,000 passages without a vector of the new model. They are kept without a vector. */
  readonly failed: readonly Failure[];
  /** Number of all such passages. */
  readonly failures: number;
}

/** The sum of two fills. The first 1,000 failures are listed. */
export function addFills(a: FillResult, b: FillResult): FillResult {
  return {
    written: a.written + b.written,
    deleted: a.deleted + b.deleted,
    failed: [...a.failed, ...b.failed].slice(0, MAX_LISTED),
    failures: a.failures + b.failures,
  };
}

export const EMPTY_FILL: FillResult = { written: 0, deleted: 0, failed: [], failures: 0 };

export interface FillOptions {
  readonly onProgress?: (written: number) => void;
  readonly signal?: AbortSignal;
  /** An open transaction of the tenant to use. Default: a new transaction for each step. */
  readonly transaction?: Transaction;
}

/**
 * Fills a draft with a collection's passages, embedded with the draft's model: writes missing and different passages, and
 * deletes extra ones. It can be interrupted and repeated; a pass over an unchanged source writes nothing. Throws
 * `collection_changed` if the draft is in use by now.
 */
export async function fillCollection(
  services: Services,
  from: Collection,
  to: Collection,
  options: FillOptions = {},
): Promise<FillResult> {
  const { database } = services;
  const types = await database.vectorTypes();
  const { transaction: open } = options;
  const run = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    open ? work(open) : asTenant(database, from.tenantId, work);
  const limit = Math.max(
    1,
    Math.min(MAX_PAGE_ROWS, Math.floor(MAX_SLICE_BYTES / (4 * embeddedDimensions(services, to)))),
  );
  let filled = EMPTY_FILL;
  let after = START;
  for (;;) {
    options.signal?.throwIfAborted();
    const page = await run(async ({ orm, set }) => {
      await set(MERGE_JOIN);
      return orm.selectRows<PassageRow>(limitBytes(differingRows(from, to, { after, limit })));
    });
    const last = page.at(-1);
    if (!last) break;
    after = last;
    const { rows, failed } = await embedRows(services, to, page, options.signal);
    const written = await run((transaction) =>
      openDraft(transaction, to, async () => {
        const current = await lockUnchanged(transaction, from, page);
        const unchanged = rows.filter(({ id, chunk }) => current.has(keyOf({ id: storeId(id).key, chunk })));
        return writeRows(transaction, to, unchanged, { types, skipCleanup: true, quotaMode: "ignore" });
      }),
    );
    filled = addFills(filled, { ...EMPTY_FILL, written, failed, failures: failed.length });
    options.onProgress?.(filled.written);
  }
  const deleted = await run((transaction) => openDraft(transaction, to, () => deleteExtraRows(transaction, from, to)));
  return { ...filled, deleted };
}

/** Whether the draft is complete: a pass would change nothing. */
export async function isFilled({ orm, set }: Transaction, from: Collection, to: Collection): Promise<boolean> {
  await set(MERGE_JOIN);
  const [row] = await orm.selectRows<{ differs: boolean }>(
    sql`SELECT EXISTS (${differingRows(from, to, { after: START, limit: 1 })}) OR EXISTS (${extraRows(from, to)}) AS differs`,
  );
  return row?.differs === false;
}

interface Cursor {
  readonly id: string;
  readonly chunk: number;
}

/** Before every key. */
const START: Cursor = { id: "", chunk: -1 };

interface PassageRow extends Cursor, PassageColumns {
  /** Version of the row (xmin). It changes with each write. */
  readonly version: string;
  readonly origin: string | null;
  readonly sequence: string | null;
}

/**
 * Forces a merge join over the primary keys. Without statistics, as after a bulk load, the planner estimates one row for a
 * collection and chooses a nested loop.
 */
const MERGE_JOIN: Settings = {
  enable_nestloop: "off",
  enable_hashjoin: "off",
  enable_sort: "off",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  jit: "off",
};

/** Passages after a key that the draft lacks or that differ, in key order. */
function differingRows(
  from: Collection,
  to: Collection,
  { after: { id, chunk }, limit }: { readonly after: Cursor; readonly limit: number },
): SQL {
  const isAfter = sql`(id, chunk) > (${id}::text COLLATE "C", ${chunk}::int)`;
  return sql`
    SELECT o.id, o.long_id, o.chunk, o.content, o.known_offset AS text_offset, o.known_headings AS headings, o.metadata::text AS metadata, o.uri, o.origin, o.sequence::text AS sequence, o.version::text AS version
    FROM (SELECT *, xmin AS version, ${TEXT_OFFSET} AS known_offset, ${HEADINGS} AS known_headings FROM cairn.documents WHERE ${inCollection(from)} AND ${isAfter}) AS o
    LEFT JOIN (SELECT *, ${TEXT_OFFSET} AS known_offset, ${HEADINGS} AS known_headings FROM cairn.documents WHERE ${inCollection(to)} AND ${isAfter}) AS n
      ON n.id = o.id AND n.chunk = o.chunk
    WHERE (n.id IS NULL OR n.content IS DISTINCT FROM o.content OR n.metadata::text <> o.metadata::text
           OR n.uri IS DISTINCT FROM o.uri OR n.known_offset IS DISTINCT FROM o.known_offset OR n.known_headings IS DISTINCT FROM o.known_headings)
    ORDER BY o.id, o.chunk LIMIT ${limit}::int`;
}

/** The first rows of a page whose texts fit into a slice, at least one: a text may have megabytes. */
function limitBytes(page: SQL): SQL {
  return sql`
    SELECT * FROM (
      SELECT p.*, row_number() OVER behind AS place,
             sum(coalesce(octet_length(p.content), 0) + octet_length(p.metadata)) OVER behind AS bytes
      FROM (${page}) AS p WINDOW behind AS (ORDER BY p.id, p.chunk)) AS measured
    WHERE place = 1 OR bytes <= ${MAX_SLICE_BYTES}::int8
    ORDER BY id, chunk`;
}

/**
 * Locks a page's passages that are unchanged since they were read, and returns their keys. A passage that was deleted or
 * replaced while its page was embedded must not be written into the draft; a later pass handles its new state.
 */
async function lockUnchanged(
  { orm }: Transaction,
  from: Collection,
  page: readonly PassageRow[],
): Promise<ReadonlySet<string>> {
  const ids = [...new Set(page.map(({ id }) => id))];
  const rows = await orm.selectRows<Pick<PassageRow, "id" | "chunk" | "version">>(sql`
        SELECT id, chunk, xmin::text AS version FROM cairn.documents
        WHERE ${inCollection(from)} AND id = ANY(${sql.param(ids)}::text[]) ORDER BY id, chunk FOR SHARE`);
  const versions = new Map(rows.map((row) => [keyOf(row), row.version]));
  return new Set(page.filter((row) => versions.get(keyOf(row)) === row.version).map(keyOf));
}

function keyOf({ id, chunk }: Cursor): string {
  return `${chunk} ${id}`;
}

function extraRows(from: Collection, to: Collection) {
  return sql`
    SELECT n.id, n.chunk FROM cairn.documents AS n
    WHERE ${inCollection(to, sql`n.`)} AND NOT EXISTS (
      SELECT FROM cairn.documents AS o
      WHERE ${inCollection(from, sql`o.`)} AND o.id = n.id AND o.chunk = n.chunk)`;
}

async function deleteExtraRows({ orm, set }: Transaction, from: Collection, to: Collection): Promise<number> {
  await set(MERGE_JOIN);
  const deleted = await orm.selectRows(
    deleteRows(to, sql`(id, chunk) IN (${extraRows(from, to)})`, { returning: sql`d.chunk` }),
  );
  return deleted.length;
}

/** Embeds a page. A passage without text, or one that the model rejects, is kept without a vector and reported. */
async function embedRows(
  services: Services,
  to: Collection,
  page: readonly PassageRow[],
  signal: AbortSignal | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly failed: readonly Failure[] }> {
  const texts = page.map(({ content }) => (content === null ? null : decodeText(content)));
  const groups = texts.map((text) => (text?.trim() ? [text] : []));
  const embedded = await embedGroups(services, to, groups, signal);
  const failed: Failure[] = [];
  const rows = page.map((row, index): Row => {
    const id = restoreId(row.id, row.long_id);
    const vectors = embedded[index];
    if (vectors instanceof AppError) failed.push({ id, code: vectors.code, message: vectors.message });
    else if (vectors?.length === 0)
      failed.push({ id, code: "invalid_input", message: "The passage cannot be embedded: it has no text." });
    return {
      id,
      chunk: row.chunk,
      content: texts[index] ?? null,
      offset: row.text_offset,
      ...headingsField(row.headings),
      embedding: vectors instanceof AppError ? null : (vectors?.[0] ?? null),
      metadata: decodeJson(row.metadata),
      uri: row.uri === null ? null : decodeText(row.uri),
      origin: row.origin,
      sequence: row.sequence,
    };
  });
  return { rows, failed };
}
