import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";

/** Maximum bytes of a text that always fits into a tsvector. */
const MAX_SAFE_BYTES = 200_000;

/** SQLSTATE `program_limit_exceeded`: a tsvector holds at most 1 MB of words. */
const PROGRAM_LIMIT_EXCEEDED = "54000";

/**
 * Why the words of a passage do not fit into a tsvector for keyword search; undefined: they fit. Only a text with a given
 * vector, which is never split, can be that large.
 */
export async function findTsvectorFault(
  database: Database,
  { tenantId, language }: Collection,
  text: string | null,
): Promise<string | undefined> {
  if (text === null || Buffer.byteLength(text) <= MAX_SAFE_BYTES) return undefined;
  try {
    await asTenant(database, tenantId, ({ orm }) =>
      orm.execute(
        sql`SELECT length(to_tsvector(${language}::text::regconfig, left(${encodeText(text)}::text, 200000)))`,
      ),
    );
    return undefined;
  } catch (error) {
    if (!hasSqlState(error, PROGRAM_LIMIT_EXCEEDED)) throw error;
    return "It cannot be indexed for keyword search: its text has more distinct words than the limit of 1 MB. Split the document.";
  }
}
