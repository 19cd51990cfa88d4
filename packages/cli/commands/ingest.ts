import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { inDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { describeFailure } from "@cairn/core/maintenance/index-failure.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { parseConfig } from "../config.ts";
import { EXIT } from "../exit.ts";
import { ingestInputs } from "../ingest-local.ts";
import { FORMATS, type Format } from "../input/detect.ts";
import { type Inputs, openInputs } from "../input/open.ts";
import { chooseTenant, withServices } from "../open.ts";
import { ingestIntoService, type Remote, remoteClient } from "../remote.ts";
import type { Sent } from "../send.ts";
import { count } from "../terminal/counts.ts";
import { type IngestProgress, showIngestProgress } from "../terminal/ingest-progress.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";

interface IngestFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly format: Format | "auto";
  readonly id?: string;
  readonly maxTokens?: number;
  readonly overlap?: number;
}

const HELP = `
Takes text, Markdown, HTML, CSV, JSON and JSON Lines, from files or, with - or nothing, from standard input. A text, a
Markdown file and a page are one document each, whose id is the path. A line of JSON Lines is one, as is an element of a
list in a .json file, as in
  {"id": "faq-1", "content": "…", "metadata": {"topic": "returns"}, "uri": "https://…", "embedding": [0.1, …]}
where only content (or embedding) is needed; what cairn documents list --json prints is read, too. A row of a CSV file is
one: its columns id, content (or text), uri (or url), embedding and metadata are these fields, every other column is
metadata; without a column for the text, the whole row is the text. A document with an id that is there already is
replaced. Long texts are split at paragraphs and sentences. Text that has not changed is not embedded, or paid for, again.
Everything is checked before anything is ingested.`;

export function addIngest(program: Command, { signal, finish }: CommandContext): void {
  withTenant(
    program.command("ingest [files...]").summary("put texts into a collection").description(paragraph(HELP)),
  )
    .option("--collection <name>", "where to (default: knowledge, made when missing)")
    .addOption(
      new Option("--format <format>", "of the input, where its ending or beginning does not tell")
        .choices(["auto", ...FORMATS])
        .default("auto"),
    )
    .option("--id <id>", "id of a text on standard input")
    .option(
      "--max-tokens <n>",
      "tokens a passage at most (default: the collection's)",
      wholeNumber(16, 8_000),
    )
    .option(
      "--overlap <n>",
      "tokens that a passage repeats of the one before (default: the collection's)",
      wholeNumber(0, 4_000),
    )
    .action(async (files: readonly string[], flags: IngestFlags, command: Command) => {
      const { json } = parseConfig(command.optsWithGlobals());
      const remote = remoteClient(command);
      const progress = showIngestProgress({ quiet: json });
      let inputs: Inputs | undefined;
      try {
        inputs = await openInputs(files.length === 0 ? ["-"] : files, { ...flags, signal });
        progress.begin(inputs.count);
        const work = { inputs, progress, flags, signal };
        finish(remote ? await ingestRemotely(remote, work) : await ingestLocally(command, work));
      } finally {
        progress.stop();
        await inputs?.close();
      }
    });
}

interface Work {
  readonly inputs: Inputs;
  readonly progress: IngestProgress;
  readonly flags: IngestFlags;
  readonly signal: AbortSignal;
}

async function ingestRemotely(remote: Remote, { inputs, progress, flags, signal }: Work): Promise<number> {
  const documents = interruptible(inputs.documents(), signal);
  const sent = await ingestIntoService(remote, documents, { ...flags, onSent: progress.done });
  progress.stop();
  return printIngested(sent, { json: remote.json, into: flags.collection ?? DEFAULT_COLLECTION });
}

function ingestLocally(command: Command, { inputs, progress, flags, signal }: Work): Promise<number> {
  return withServices(command, async (services, { json }) => {
    const { database, embedders } = services;
    const { id: tenantId } = await chooseTenant(services, flags.tenant);
    const collection = await inDefaultCollection(services, tenantId, {
      collection: flags.collection,
      work: () => getCollection(database, tenantId, flags.collection),
    });
    const target = { tenantId, collection, inputs };
    const result = await ingestInputs(services, target, { ...flags, signal, progress });
    progress.phase("building the index");
    // Where another process builds indexes this is left to it, or to the next run: until then search is exact.
    const maintained = await maintainIndexes(database, { tenantId, collection: collection.id, signal });
    progress.stop();
    const notices = (maintained?.failed ?? []).map(describeFailure);
    const model = collection.embeddingModel ?? "model unknown";
    const code = printIngested({ ...result, notices }, { json, into: `${collection.name} (${model})` });
    if (!json && embedders.notice && model.startsWith("offline/")) console.error(embedders.notice);
    if (!json) for (const notice of notices) console.error(notice);
    return code;
  });
}

async function* interruptible<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}

interface Result extends Sent {
  readonly collection?: { readonly name: string };
  readonly notices?: readonly string[];
}

/** Prints what was ingested and what was not. Returns the exit code. */
function printIngested(
  { collection, notices, ...result }: Result,
  { json, into }: { readonly json: boolean; readonly into: string },
): number {
  const { ids, passages, failed } = result;
  if (json) printJson({ ...(collection ? { collection: collection.name } : {}), ...result, notices });
  else {
    console.log(
      `Ingested ${count(ids.length, "document")} in ${count(passages, "passage")} into collection ${into}.`,
    );
    for (const { id, message } of failed)
      console.error(`  not ingested: ${visible(id) || "one without an id"}: ${message}`);
  }
  return failed.length > 0 ? EXIT.exceptions : EXIT.done;
}
