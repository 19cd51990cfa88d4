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
  readonly inputs: Pick<Inputs, "ids" | "folders" | "refused">;
  /** Maximum documents to delete. */
  readonly maxDeletes: number;
}

/** Ids in one statement. */
const BATCH_SIZE = 1_000;

/**
 * Finds the stored documents of the input's folders that the input no longer has. Documents of files that cannot be read stay.
 * Throws `invalid_input` if the input has no folder, or if more documents are gone than `maxDeletes`.
 */
export async function findGone(
  database: Database,
  { tenantId, collection, inputs: { ids, folders, refused }, maxDeletes }: SyncOptions,
): Promise<Gone> {
  if (folders.length === 0 || folders.includes("./"))
    throw new AppError(
      "invalid_input",
      "--sync needs a folder, by a path that all its ids start with. Name it from the folder above, for example: cairn ingest handbook --sync.",
      { path: "--sync" },
    );
  const gone = new Set<string>();
  for (const prefix of folders)
    for (const id of await listIds(database, tenantId, { collection, prefix }))
      if (!ids.has(id) && !refused.some(({ file }) => id === file || id.startsWith(`${file}#`))) gone.add(id);
  if (gone.size > maxDeletes)
    throw new AppError(
      "invalid_input",
      `Nothing was changed: the files of ${count(gone.size, "document")} are gone, more than --max-deletes ${maxDeletes}. List them with --dry-run, and raise --max-deletes if they are to be deleted.`,
      { path: "--max-deletes" },
    );
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
