import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import { decodeJson } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import type { Settings } from "../database/settings.ts";
import { decodeText } from "../database/text.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { MAX_SLICE_BYTES } from "../document/byte-slices.ts";
import { deleteRows } from "../document/delete-rows.ts";
import type { Row } from "../document/document.ts";
import { restoreId, storeId } from "../document/id.ts";
import { embeddedDimensions, embedGroups, type Failure } from "../document/passages.ts";
import { inCollection, TEXT_OFFSET } from "../document/read.ts";
import { writeRows } from "../document/write.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { openDraft } from "./model-draft.ts";

/** Passages that are embedded and written at once, at most; fewer where their texts or vectors are large. */
const PAGE = 500;

/** Failures that are listed. */
const MAX_LISTED = 1_000;

export interface Filled {
  readonly written: number;
  readonly deleted: number;
  /** Passages that the new model has no vector for: they are kept without one. The first 1,000. */
  readonly failed: readonly Failure[];
  /** How many those are. */
  readonly failures: number;
}

/** Adds up two fills; of the failures the first 1,000 are kept. */
export function addFilled(a: Filled, b: Filled): Filled {
  return {
    written: a.written + b.written,
    deleted: a.deleted + b.deleted,
    failed: [...a.failed, ...b.failed].slice(0, MAX_LISTED),
    failures: a.failures + b.failures,
  };
}

export const NOTHING_FILLED: Filled = { written: 0, deleted: 0, failed: [], failures: 0 };

export interface FillOptions {
  readonly onProgress?: (written: number) => void;
  readonly signal?: AbortSignal;
  /** An open transaction of the tenant's to do it in. Default: one for each step. */
  readonly within?: Transaction;
}

/**
 * Brings one collection's passages into a draft, embedded by its model: what is missing or differs is written, what is
 * too much is deleted. Broken off anywhere, a second pass does the rest; over an unchanged source it writes nothing.
 * Throws `collection_changed` where the draft has come into use.
 */
export async function fillCollection(
  services: Services,
  from: Collection,
  to: Collection,
  options: FillOptions = {},
): Promise<Filled> {
  const { database } = services;
  const types = await database.vectorTypes();
  const { within } = options;
  const run = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    within ? work(within) : asTenant(database, from.tenantId, work);
  const most = Math.max(
    1,
    Math.min(PAGE, Math.floor(MAX_SLICE_BYTES / (4 * embeddedDimensions(services, to)))),
  );
  let filled = NOTHING_FILLED;
  let after = START;
  for (;;) {
    options.signal?.throwIfAborted();
    const page = await run(async ({ orm, set }) => {
      await set(MERGED);
      return selectRows<PassageRow>(orm, firstBytes(difference(from, to, { after, most })));
    });
    const last = page.at(-1);
    if (!last) break;
    after = last;
    const { rows, failed } = await embedRows(services, to, page, options.signal);
    const written = await run((transaction) =>
      openDraft(transaction, to, async () => {
        const current = await lockUnchanged(transaction, from, page);
        const still = rows.filter(({ id, chunk }) => current.has(keyOf({ id: storeId(id).key, chunk })));
        return writeRows(transaction, to, still, { types, skipCleanup: true });
      }),
    );
    filled = addFilled(filled, { ...NOTHING_FILLED, written, failed, failures: failed.length });
    options.onProgress?.(filled.written);
  }
  const deleted = await run((transaction) =>
    openDraft(transaction, to, () => deleteExtras(transaction, from, to)),
  );
  return { ...filled, deleted };
}

/** Whether a pass would find anything. */
export async function isFilled(
  { orm, set }: Transaction,
  from: Collection,
  to: Collection,
): Promise<boolean> {
  await set(MERGED);
  const [row] = await selectRows<{ differs: boolean }>(
    orm,
    sql`SELECT EXISTS (${difference(from, to, { after: START, most: 1 })}) OR EXISTS (${extras(from, to)}) AS differs`,
  );
  return row?.differs === false;
}

interface Cursor {
  readonly id: string;
  readonly chunk: number;
}

/** Before every key. */
const START: Cursor = { id: "", chunk: -1 };

interface PassageRow extends Cursor {
  /** Of the row: another one when it was written since. */
  readonly version: string;
  readonly long_id: string | null;
  readonly content: string | null;
  readonly text_offset: number | null;
  readonly metadata: string;
  readonly uri: string | null;
  readonly origin: string | null;
}

/**
 * Both sides in the order of their keys, merged: without statistics, as after a bulk load, the planner takes a
 * collection for one row and compares every passage with every other.
 */
const MERGED: Settings = {
  enable_nestloop: "off",
  enable_hashjoin: "off",
  enable_sort: "off",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  jit: "off",
};

/** What is missing or differs behind a key, in the order of the keys. */
function difference(
  from: Collection,
  to: Collection,
  { after: { id, chunk }, most }: { readonly after: Cursor; readonly most: number },
): SQL {
  const behind = sql`(id, chunk) > (${id}::text COLLATE "C", ${chunk}::int)`;
  return sql`
    SELECT o.id, o.long_id, o.chunk, o.content, o.known_offset AS text_offset, o.metadata::text AS metadata, o.uri, o.origin, o.version::text AS version
    FROM (SELECT *, xmin AS version, ${TEXT_OFFSET} AS known_offset FROM cairn.documents WHERE ${inCollection(from)} AND ${behind}) AS o
    LEFT JOIN (SELECT *, ${TEXT_OFFSET} AS known_offset FROM cairn.documents WHERE ${inCollection(to)} AND ${behind}) AS n
      ON n.id = o.id AND n.chunk = o.chunk
    WHERE (n.id IS NULL OR n.content IS DISTINCT FROM o.content OR n.metadata::text <> o.metadata::text
           OR n.uri IS DISTINCT FROM o.uri OR n.known_offset IS DISTINCT FROM o.known_offset)
    ORDER BY o.id, o.chunk LIMIT ${most}::int`;
}

/** The first of a page whose texts fit into a slice, and one at least: a text may have megabytes. */
function firstBytes(page: SQL): SQL {
  return sql`
    SELECT * FROM (
      SELECT p.*, row_number() OVER behind AS place,
             sum(coalesce(octet_length(p.content), 0) + octet_length(p.metadata)) OVER behind AS bytes
      FROM (${page}) AS p WINDOW behind AS (ORDER BY p.id, p.chunk)) AS measured
    WHERE place = 1 OR bytes <= ${MAX_SLICE_BYTES}::int8
    ORDER BY id, chunk`;
}

/**
 * Which of a page's passages are as they were read, and stay so until the transaction ends. What was deleted or replaced
 * while its page was embedded must not come back in the draft: a later pass finds what it has become.
 */
async function lockUnchanged(
  { orm }: Transaction,
  from: Collection,
  page: readonly PassageRow[],
): Promise<ReadonlySet<string>> {
  const ids = [...new Set(page.map(({ id }) => id))];
  const rows = await selectRows<Pick<PassageRow, "id" | "chunk" | "version">>(
    orm,
    sql`SELECT id, chunk, xmin::text AS version FROM cairn.documents
        WHERE ${inCollection(from)} AND id = ANY(${sql.param(ids)}::text[]) ORDER BY id, chunk FOR SHARE`,
  );
  const now = new Map(rows.map((row) => [keyOf(row), row.version]));
  return new Set(page.filter((row) => now.get(keyOf(row)) === row.version).map(keyOf));
}

function keyOf({ id, chunk }: Cursor): string {
  return `${chunk} ${id}`;
}

function extras(from: Collection, to: Collection) {
  return sql`
    SELECT n.id, n.chunk FROM cairn.documents AS n
    WHERE n.tenant_id = ${uuidLiteral(to.tenantId)} AND n.collection_id = ${uuidLiteral(to.id)} AND NOT EXISTS (
      SELECT FROM cairn.documents AS o
      WHERE o.tenant_id = ${uuidLiteral(from.tenantId)} AND o.collection_id = ${uuidLiteral(from.id)}
        AND o.id = n.id AND o.chunk = n.chunk)`;
}

async function deleteExtras({ orm, set }: Transaction, from: Collection, to: Collection): Promise<number> {
  await set(MERGED);
  const deleted = await selectRows(
    orm,
    deleteRows(to, sql`(id, chunk) IN (${extras(from, to)})`, sql`d.chunk`),
  );
  return deleted.length;
}

/** A passage without text, or one that the model refuses, is kept without a vector and reported. */
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
      failed.push({ id, code: "invalid_input", message: "It has no text that could be embedded." });
    return {
      id,
      chunk: row.chunk,
      content: texts[index] ?? null,
      offset: row.text_offset,
      embedding: vectors instanceof AppError ? null : (vectors?.[0] ?? null),
      metadata: decodeJson(row.metadata),
      uri: row.uri === null ? null : decodeText(row.uri),
      origin: row.origin,
    };
  });
  return { rows, failed };
}
