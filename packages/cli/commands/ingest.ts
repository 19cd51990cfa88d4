import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { withDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { noticeOf } from "@cairn/core/embedding/embedders.ts";
import { AppError } from "@cairn/core/error.ts";
import { describeFailure } from "@cairn/core/maintenance/index-failure.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { FORMATS, type Format } from "@cairn/files/format.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { parseConfig } from "../config.ts";
import { ingestInputs } from "../ingest-local.ts";
import { type Inputs, openInputs } from "../input/open.ts";
import { assertFoldersForSync } from "../input/sources.ts";
import { withTenant } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { ingestIntoService, type Remote, remoteClient } from "../remote.ts";
import { findGone } from "../sync.ts";
import { type IngestProgress, showIngestProgress } from "../terminal/ingest-progress.ts";
import { printIngestPlan, printIngestResult } from "../terminal/ingest-result.ts";
import { paragraph } from "../terminal/print.ts";

interface IngestFlags {
  readonly collection?: string;
  readonly format: Format | "auto";
  readonly id?: string;
  readonly maxTokens?: number;
  readonly overlap?: number;
  readonly sync?: boolean;
  readonly maxDeletes?: number;
  readonly dryRun?: boolean;
}

const HELP = `
Ingest text, Markdown, HTML, PDF, Word (.docx), CSV, JSON and JSON Lines, from files or, with - or no file, from standard
input. A folder stands for the files in it that have the extension of a format. Of several files, those that cannot be read are listed, and
the others are ingested. A text, Markdown, HTML or Word file is one document, whose id is the path. A page of a PDF is one document, as in
handbook.pdf#page=12, with the metadata source, page and pages. A line of JSON Lines is one document, and so is an element of a list in a
.json file, as in
  {"id": "faq-1", "content": "…", "metadata": {"topic": "returns"}, "uri": "https://…", "embedding": [0.1, …]}
where only content (or embedding) is required. The output of cairn documents list --json is accepted, too. A row of a CSV file
is one document: its columns id, content (or text), uri (or url), embedding and metadata are these fields, and every other
column is metadata. Without a column for the text, the complete row is the text. A document with an existing id is replaced.
Passages of Markdown, HTML and Word files keep the headings above them, and the front matter of Markdown becomes metadata. A page or file
on the web (https://…) has its address as id and URI. Long texts are split at paragraphs and sentences. The complete input is checked
before anything is ingested. Documents that are stored already as they are stay as they are; with --sync, documents of a folder whose
files are gone are deleted.`;

export function addIngest(program: Command, { signal, finish }: CommandContext): void {
  addTenantOption(
    program.command("ingest [files...]").summary("Ingest documents into a collection").description(paragraph(HELP)),
  )
    .option("--collection <name>", "target collection (default: knowledge, created if missing)")
    .addOption(
      new Option("--format <format>", "format of the input (auto: from the file extension or the content)")
        .choices(["auto", ...FORMATS])
        .default("auto"),
    )
    .option("--id <id>", "id of the document on standard input")
    .option(
      "--max-tokens <n>",
      "maximum number of tokens in a passage (default: the setting of the collection)",
      integerBetween(16, 8_000),
    )
    .option(
      "--overlap <n>",
      "tokens that a passage repeats from the previous one (default: the setting of the collection)",
      integerBetween(0, 4_000),
    )
    .option("--sync", "delete the documents of the folders whose files are gone")
    .option(
      "--max-deletes <n>",
      "with --sync, the number of deleted documents above which nothing is changed (default: 100, and half of a folder's)",
      integerBetween(0, 1_000_000_000),
    )
    .option("--dry-run", "show what would be written and deleted, and change nothing")
    .action(async (files: readonly string[], flags: IngestFlags, command: Command) => {
      const { json } = parseConfig(command.optsWithGlobals());
      const remote = remoteClient(command);
      const progress = showIngestProgress({ quiet: json });
      let inputs: Inputs | undefined;
      try {
        assertSupported(flags, remote);
        if (flags.sync) await assertFoldersForSync(files);
        inputs = await openInputs(files.length === 0 ? ["-"] : files, { ...flags, withIds: flags.sync, signal });
        progress.begin(inputs.count);
        const ingest = { inputs, progress, flags, signal };
        finish(remote ? await ingestRemotely(remote, ingest) : await ingestLocally(command, ingest));
      } finally {
        progress.stop();
        await inputs?.close();
      }
    });
}

/** Throws `invalid_input` if a flag needs the database and there is a service instead. */
function assertSupported(flags: IngestFlags, remote: Remote | undefined): void {
  const unsupported = flags.sync ? "--sync" : flags.dryRun ? "--dry-run" : undefined;
  if (!remote || !unsupported) return;
  throw new AppError("invalid_input", `${unsupported} needs the database. Use it without --url.`, {
    path: unsupported,
  });
}

interface IngestRun {
  readonly inputs: Inputs;
  readonly progress: IngestProgress;
  readonly flags: IngestFlags;
  readonly signal: AbortSignal;
}

async function ingestRemotely(remote: Remote, { inputs, progress, flags, signal }: IngestRun): Promise<number> {
  const documents = interruptible(inputs.documents(), signal);
  const result = await ingestIntoService(remote, documents, { ...flags, onSent: progress.done });
  progress.stop();
  const { files, refused } = inputs;
  const target = flags.collection ?? DEFAULT_COLLECTION;
  return printIngestResult({ ...result, files, refused }, { json: remote.json, target });
}

function ingestLocally(command: Command, { inputs, progress, flags, signal }: IngestRun): Promise<number> {
  return withTenant(command, async (services, { id: tenantId }, { json }) => {
    const { database, embedders } = services;
    const { files, refused } = inputs;
    const find = () => getCollection(database, tenantId, flags.collection);
    const collection = flags.dryRun
      ? await find().catch(ignoreMissing(flags.collection))
      : await withDefaultCollection(services, tenantId, { collection: flags.collection, work: find });
    if (!collection) {
      progress.stop();
      const planned = { new: inputs.count, changed: 0 };
      return printIngestPlan({ planned, unchanged: 0, gone: [], refused }, { json, target: DEFAULT_COLLECTION });
    }
    const { name } = collection;
    const gone = flags.sync ? await findGone(database, { ...flags, tenantId, collection: name, inputs }) : undefined;
    const target = { tenantId, collection, inputs };
    const result = await ingestInputs(services, target, { ...flags, signal, progress });
    if (flags.dryRun) {
      progress.stop();
      return printIngestPlan({ ...result, refused, gone: gone?.ids ?? [] }, { json, target: name });
    }
    const deleted = await gone?.delete();
    progress.phase("building the index");
    // If another process is building indexes, it or the next run builds these. Until then search is exact.
    const maintained = await maintainIndexes(database, { tenantId, collection: collection.id, signal });
    progress.stop();
    const notices = [...result.notices, ...(maintained?.failed ?? []).map(describeFailure)];
    const model = collection.embeddingModel ?? "model unknown";
    const code = printIngestResult(
      { ...result, deleted, notices, files, refused },
      { json, target: `${collection.name} (${model})` },
    );
    const notice = noticeOf(embedders, collection.embeddingModel);
    if (!json && notice) console.error(notice);
    if (!json) for (const notice of notices) console.error(notice);
    return code;
  });
}

/** Handles the error that the default collection, which an ingest creates, does not exist yet. */
function ignoreMissing(collection: string | undefined) {
  return (error: unknown): undefined => {
    if (collection !== undefined || !(error instanceof AppError && error.code === "not_found")) throw error;
  };
}

async function* interruptible<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}
