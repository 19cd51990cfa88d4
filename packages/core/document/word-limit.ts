import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";

/** Bytes of a text whose words fit a tsvector, whatever they are. */
const SAFE_BYTES = 200_000;

/** "program_limit_exceeded": a tsvector holds 1 MB of words. */
const TOO_LARGE = "54000";

/**
 * Why keyword search cannot hold the words of a passage; undefined where it can. Only a text that comes with its vector, and
 * so is never split, can be so large.
 */
export async function findWordFault(
  database: Database,
  { tenantId, language }: Collection,
  text: string | null,
): Promise<string | undefined> {
  if (text === null || Buffer.byteLength(text) <= SAFE_BYTES) return undefined;
  try {
    await asTenant(database, tenantId, ({ orm }) =>
      orm.execute(
        sql`SELECT length(to_tsvector(${language}::text::regconfig, left(${encodeText(text)}::text, 200000)))`,
      ),
    );
    return undefined;
  } catch (error) {
    if (!hasSqlState(error, TOO_LARGE)) throw error;
    return "Its text has more different words than keyword search can hold: 1 MB of them. Divide the document into smaller ones.";
  }
}
