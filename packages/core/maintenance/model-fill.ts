import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import { decodeJson } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import type { Settings } from "../database/settings.ts";
import { decodeText } from "../database/text.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { deleteRows } from "../document/delete-rows.ts";
import type { Row } from "../document/document.ts";
import { restoreId } from "../document/id.ts";
import { embedGroups, type Failure } from "../document/passages.ts";
import { inCollection } from "../document/read.ts";
import { writeRows } from "../document/write.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { openDraft } from "./model-draft.ts";

/** Passages that are embedded and written at once. */
const PAGE = 500;

export interface Filled {
  readonly written: number;
  readonly deleted: number;
  /** Passages that the new model has no vector for: they are kept without one. */
  readonly failed: readonly Failure[];
}

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
  const failed: Failure[] = [];
  let written = 0;
  let after = START;
  for (;;) {
    options.signal?.throwIfAborted();
    const page = await run(async ({ orm, set }) => {
      await set(MERGED);
      return selectRows<PassageRow>(orm, difference(from, to, after));
    });
    const last = page.at(-1);
    if (!last) break;
    after = last;
    const rows = await embedRows(services, to, page, failed, options.signal);
    await run((transaction) =>
      openDraft(transaction, to, () => writeRows(transaction, to, rows, { types, fresh: true })),
    );
    written += rows.length;
    options.onProgress?.(written);
  }
  const deleted = await run((transaction) =>
    openDraft(transaction, to, () => deleteExtras(transaction, from, to)),
  );
  return { written, deleted, failed };
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
    sql`SELECT EXISTS (${difference(from, to, START)}) OR EXISTS (${extras(from, to)}) AS differs`,
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
  readonly long_id: string | null;
  readonly content: string | null;
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
function difference(from: Collection, to: Collection, { id, chunk }: Cursor) {
  const behind = sql`(id, chunk) > (${id}::text COLLATE "C", ${chunk}::int)`;
  return sql`
    SELECT o.id, o.long_id, o.chunk, o.content, o.metadata::text AS metadata, o.uri, o.origin
    FROM (SELECT * FROM cairn.documents WHERE ${inCollection(from)} AND ${behind}) AS o
    LEFT JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(to)} AND ${behind}) AS n
      ON n.id = o.id AND n.chunk = o.chunk
    WHERE (n.id IS NULL OR n.content IS DISTINCT FROM o.content OR n.metadata::text <> o.metadata::text
           OR n.uri IS DISTINCT FROM o.uri)
    ORDER BY o.id, o.chunk LIMIT ${PAGE}::int`;
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
  failed: Failure[],
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> {
  const texts = page.map(({ content }) => (content === null ? null : decodeText(content)));
  const groups = texts.map((text) => (text?.trim() ? [text] : []));
  const embedded = await embedGroups(services, to, groups, signal);
  return page.map((row, index): Row => {
    const id = restoreId(row.id, row.long_id);
    const vectors = embedded[index];
    if (vectors instanceof AppError) failed.push({ id, code: vectors.code, message: vectors.message });
    else if (vectors?.length === 0)
      failed.push({ id, code: "invalid_input", message: "It has no text that could be embedded." });
    return {
      id,
      chunk: row.chunk,
      content: texts[index] ?? null,
      embedding: vectors instanceof AppError ? null : (vectors?.[0] ?? null),
      metadata: decodeJson(row.metadata),
      uri: row.uri === null ? null : decodeText(row.uri),
      origin: row.origin,
    };
  });
}
