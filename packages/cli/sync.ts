import { existsSync } from "node:fs";
import type { Database } from "@cairn/core/database/database.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { listIds } from "@cairn/core/document/list-ids.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Inputs } from "./input/open.ts";
import { count } from "./terminal/counts.ts";

/** The documents of folders whose files are gone. */
export interface Gone {
  readonly ids: readonly string[];
  delete(): Promise<number>;
}

export interface SyncOptions {
  readonly tenantId: string;
  /** Name of the collection. */
  readonly collection: string | undefined;
  readonly inputs: Pick<Inputs, "ids" | "files" | "folders" | "refused">;
  /** Maximum documents to delete. Default: 100, and at most half of the documents of a folder. */
  readonly maxDeletes?: number;
  /** Counts without limits. */
  readonly dryRun?: boolean;
}

const DEFAULT_MAX_DELETES = 100;

/** Ids in one statement. */
const BATCH_SIZE = 1_000;

/** Files whose documents have ids of their own. If one cannot be read, its documents are not known. */
const WITH_OWN_IDS = /\.(?:csv|tsv|json|jsonl|ndjson)$/i;

/**
 * Finds the stored documents of the input's folders whose files are gone. Documents of files that cannot be read, or that a listing
 * of the folder leaves out, stay. Throws `invalid_input` if a file that cannot be read may have any id, or if more documents are
 * gone than `maxDeletes`.
 */
export async function findGone(
  database: Database,
  { tenantId, collection, inputs: { ids, files, folders, refused }, maxDeletes, dryRun }: SyncOptions,
): Promise<Gone> {
  const unread = refused.find(({ file }) => WITH_OWN_IDS.test(file));
  if (unread)
    throw new AppError(
      "invalid_input",
      `Nothing was changed: --sync cannot know the documents of a file that cannot be read. Mend it, or ingest without --sync. ${unread.reason}`,
      { path: "--sync" },
    );
  const read = new Set(files.map(({ file }) => file));
  const gone = new Set<string>();
  for (const prefix of folders) {
    const stored = await listIds(database, tenantId, { collection, prefix });
    const missing = stored.filter((id) => !ids.has(id) && !stays(id, read));
    if (maxDeletes === undefined && !dryRun && missing.length > stored.length / 2)
      throw tooMany(`${missing.length} of the ${count(stored.length, "document")} of ${prefix}`, "half of them");
    for (const id of missing) gone.add(id);
  }
  const limit = maxDeletes ?? DEFAULT_MAX_DELETES;
  if (!dryRun && gone.size > limit) throw tooMany(count(gone.size, "document"), `--max-deletes ${limit}`);
  const list = [...gone].sort();
  return {
    ids: list,
    async delete() {
      let deleted = 0;
      for (let at = 0; at < list.length; at += BATCH_SIZE)
        deleted += await deleteDocuments(database, tenantId, { collection, ids: list.slice(at, at + BATCH_SIZE) });
      return deleted;
    },
  };
}

/**
 * Whether a document stays: its file exists and was not read, because it cannot be, or because the listing of the folder leaves it
 * out (hidden files, links, other extensions). A part of a file that was read, such as a page, is gone if the input lacks it.
 */
function stays(id: string, read: ReadonlySet<string>): boolean {
  const file = id.replace(/#[^#]*$/, "");
  return existsSync(id) || (file !== id && !read.has(file) && existsSync(file));
}

function tooMany(what: string, limit: string): AppError {
  return new AppError(
    "invalid_input",
    `Nothing was changed: the files of ${what} are gone, more than ${limit}. List them with --dry-run. If they are to be deleted, give --max-deletes.`,
    { path: "--max-deletes" },
  );
}
