import { EXIT } from "../exit.ts";
import type { IngestResult } from "../ingest-local.ts";
import type { ReadFile, RefusedFile } from "../input/open.ts";
import type { SendResult } from "../send.ts";
import { count } from "./counts.ts";
import { printJson, visible } from "./print.ts";

interface PrintOptions {
  readonly json: boolean;
  /** The collection, as the output names it. */
  readonly target: string;
}

export interface IngestPlan extends Pick<IngestResult, "planned" | "unchanged"> {
  /** Ids of the documents to delete. */
  readonly gone: readonly string[];
  readonly refused: readonly RefusedFile[];
}

/** Prints what an ingest would do. Returns the exit code. */
export function printIngestPlan(
  { planned, unchanged, gone, refused }: IngestPlan,
  { json, target }: PrintOptions,
): number {
  if (json) printJson({ collection: target, ...planned, unchanged, deleted: gone, refused });
  else {
    console.log(
      `Nothing was changed. Collection ${target} would get ${count(planned.new, "new document")}, ${planned.changed} changed and ${gone.length} deleted ones; ${unchanged} stay as they are.`,
    );
    for (const id of gone) console.log(`  to delete: ${visible(id)}`);
    printRefused(refused);
  }
  return refused.length > 0 ? EXIT.exceptions : EXIT.done;
}

export interface IngestOutput extends SendResult {
  readonly collection?: { readonly name: string };
  readonly notices?: readonly string[];
  /** Undefined: not compared. */
  readonly unchanged?: number;
  /** Undefined: without --sync. */
  readonly deleted?: number;
  readonly files: readonly ReadFile[];
  readonly refused: readonly RefusedFile[];
}

/** Maximum files in the printed summary. --json lists all. */
const MAX_LISTED_FILES = 50;

/** Prints what was ingested and what failed. Returns the exit code. */
export function printIngestResult(
  { collection, notices, files, refused, unchanged, deleted, ids, passages, failed }: IngestOutput,
  { json, target }: PrintOptions,
): number {
  const isList = files.length + refused.length > 1;
  if (json)
    printJson({
      ...(collection ? { collection: collection.name } : {}),
      ids,
      passages,
      failed,
      ...(unchanged === undefined ? {} : { unchanged }),
      ...(deleted === undefined ? {} : { deleted }),
      ...(isList ? { files } : {}),
      ...(refused.length > 0 ? { refused } : {}),
      notices,
    });
  else {
    const parts = [
      `${count(ids.length, "document")} in ${count(passages, "passage")} into collection ${target}`,
      ...(unchanged ? [`${unchanged} unchanged`] : []),
      ...(deleted === undefined ? [] : [`${count(deleted, "document")} deleted`]),
    ];
    console.log(`Ingested ${parts.join("; ")}.`);
    if (isList) printFiles(files);
    for (const { id, message } of failed)
      console.error(`  not ingested: ${visible(id) || "a document without an id"}: ${message}`);
    printRefused(refused);
  }
  return failed.length > 0 || refused.length > 0 ? EXIT.exceptions : EXIT.done;
}

function printFiles(files: readonly ReadFile[]): void {
  for (const { file, documents } of files.slice(0, MAX_LISTED_FILES))
    console.log(`  ${visible(file)}: ${count(documents, "document")}`);
  if (files.length > MAX_LISTED_FILES) console.log(`  and ${count(files.length - MAX_LISTED_FILES, "more file")}`);
}

function printRefused(refused: readonly RefusedFile[]): void {
  for (const { reason } of refused) console.error(`  ${visible(reason, Number.POSITIVE_INFINITY)}`);
}
