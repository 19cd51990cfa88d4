import { inDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { type IngestResult, ingest } from "@cairn/core/document/ingest.ts";
import { sayFailure } from "@cairn/core/maintenance/index-failure.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { Services } from "@cairn/core/services.ts";
import { type Command, Option } from "commander";
import { EXIT } from "../exit.ts";
import { type InputFormat, readInputs } from "../input.ts";
import { chooseTenant, withServices } from "../open.ts";
import { ingestIntoService, remoteClient } from "../remote.ts";
import type { Surroundings } from "../surroundings.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";

interface IngestFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly format: InputFormat;
  readonly id?: string;
  readonly maxTokens: number;
  readonly overlap: number;
}

const HELP = `
Takes text, Markdown and JSON Lines, from files or, with - or nothing, from standard input. A file is one document
whose id is its path; a line of JSON Lines is one, as in
  {"id": "faq-1", "content": "…", "metadata": {"topic": "returns"}, "uri": "https://…", "embedding": [0.1, …]}
where only content (or embedding) is needed. A document with an id that is there already is replaced. Long texts are
split at paragraphs and sentences. Text that has not changed is not embedded, or paid for, again.`;

export function addIngest(program: Command, { signal, finish }: Surroundings): void {
  withTenant(
    program.command("ingest [files...]").summary("put texts into a collection").description(paragraph(HELP)),
  )
    .option("--collection <name>", "where to (default: knowledge, made when missing)")
    .addOption(
      new Option("--format <format>", "of standard input or of files without a known ending")
        .choices(["auto", "text", "markdown", "jsonl"])
        .default("auto"),
    )
    .option("--id <id>", "id of a text on standard input")
    .option("--max-tokens <n>", "tokens a passage at most", wholeNumber(16, 8192), 800)
    .option("--overlap <n>", "tokens that a passage repeats of the one before", wholeNumber(0, 4096), 400)
    .action(async (files: readonly string[], flags: IngestFlags, command: Command) => {
      const documents = await readInputs(files.length === 0 ? ["-"] : files, flags);
      const remote = remoteClient(command);
      if (remote) return finish(await ingestIntoService(remote, documents, flags));
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const { maxTokens, overlap, collection } = flags;
        const result = await inDefaultCollection(services, tenant.id, {
          collection,
          work: () => ingest(services, tenant.id, { collection, documents, maxTokens, overlap, signal }),
        });
        // Where another process builds indexes this is left to it, or to the next run: until then search is exact.
        const maintained = await maintainIndexes(services.database, {
          tenantId: tenant.id,
          collection: result.collection.id,
          signal,
        });
        const notices = (maintained?.failed ?? []).map(sayFailure);
        if (json)
          printJson({
            collection: result.collection.name,
            ids: result.ids,
            passages: result.passages,
            failed: result.failed,
            notices,
          });
        else printResult(result, services);
        if (!json) for (const notice of notices) console.error(notice);
        finish(result.failed.length > 0 ? EXIT.exceptions : EXIT.done);
      });
    });
}

function printResult({ ids, passages, failed, collection }: IngestResult, { embedders }: Services): void {
  console.log(
    `${ids.length} documents in ${passages} passages are in collection ${collection.name} (${collection.embeddingModel ?? "model unknown"}).`,
  );
  if (embedders.notice && collection.embeddingModel?.startsWith("offline/")) console.error(embedders.notice);
  for (const { id, message } of failed) console.error(`  not taken: ${visible(id)}: ${message}`);
}
