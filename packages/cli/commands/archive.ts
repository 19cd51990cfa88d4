import { exportTenant } from "@cairn/core/archive/export.ts";
import type { CollectionSummary } from "@cairn/core/archive/format.ts";
import { importTenant } from "@cairn/core/archive/import.ts";
import { AppError } from "@cairn/core/error.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { EXIT } from "../exit.ts";
import { createArchiveFile, readArchiveLines } from "../input/archive.ts";
import { withServices, withTenant } from "../open.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { count } from "../terminal/counts.ts";
import { showIngestProgress } from "../terminal/ingest-progress.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";

const EXPORT_HELP = `
Write a tenant into one compressed file: its collections with their settings, and every document with its passages, texts,
offsets, metadata, URI and vectors, bit for bit, in the order in which they were added, with a hash for each collection. The
file shows a single moment; writers are not disturbed. API keys, limits, jobs and collections that were replaced by another
model are not part of it.`;

const IMPORT_HELP = `
Create a tenant from a file that cairn export wrote, here or in another database, and compare every passage with the file.
Collections keep their ids. A collection that exists already is refused; --continue completes an import that was
interrupted. Exit code 4: the database holds something else than the file.`;

export function addExport(program: Command, { signal }: CommandContext): void {
  addTenantOption(
    program.command("export [file]").summary("Write a tenant into a file").description(paragraph(EXPORT_HELP)),
  ).action((file: string | undefined, _flags: object, command: Command) =>
    withTenant(command, async ({ database }, tenant, { json }) => {
      const path = file ?? `${tenant.name.replaceAll(/[^\p{L}\p{N}._-]/gu, "_")}.cairn.gz`;
      const archive = createArchiveFile(path);
      const progress = showIngestProgress({ quiet: json });
      try {
        const collections = await exportTenant(database, tenant, {
          onLines: (lines) => archive.write(lines),
          onProgress: (documents) => progress.phase(count(documents, "document")),
          signal,
        });
        await archive.finish();
        progress.stop();
        if (json) return printJson({ tenant: tenant.name, file: path, collections });
        for (const collection of collections) console.log(describe(collection));
        console.log(`Exported tenant ${visible(tenant.name)} to ${path}. Restore it: cairn import ${path}`);
      } catch (error) {
        await archive.discard();
        throw stopped(error, signal, "Stopped. Nothing was written.");
      } finally {
        progress.stop();
      }
    }),
  );
}

export function addImport(program: Command, { signal, finish }: CommandContext): void {
  program
    .command("import <file>")
    .summary("Create a tenant from a file")
    .description(paragraph(IMPORT_HELP))
    .option("--tenant <name-or-id>", "tenant to create or to fill (default: the name in the file)")
    .option("--continue", "continue an import that was interrupted")
    .action((file: string, flags: { readonly tenant?: string; readonly continue?: boolean }, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const progress = showIngestProgress({ quiet: json });
        try {
          const { tenant, collections } = await importTenant(database, readArchiveLines(file), {
            tenant: flags.tenant,
            resume: flags.continue,
            onProgress: (documents) => progress.phase(count(documents, "document")),
            signal,
          });
          progress.phase("building the index");
          await maintainIndexes(database, { tenantId: tenant.id, signal });
          progress.stop();
          const compared = collections.map(({ expected, actual }) => ({
            ...actual,
            identical: actual.sha256 === expected.sha256,
          }));
          const isIdentical = compared.every(({ identical }) => identical);
          finish(isIdentical ? EXIT.done : EXIT.notIdentical);
          if (json) return printJson({ tenant: tenant.name, identical: isIdentical, collections: compared });
          for (const collection of compared)
            console.log(
              `${describe(collection)}${collection.identical ? ", identical" : ", NOT identical to the file"}`,
            );
          console.log(`Imported tenant ${visible(tenant.name)}.`);
        } catch (error) {
          throw stopped(error, signal, "Stopped. To complete it, run the same command with --continue.");
        } finally {
          progress.stop();
        }
      }),
    );
}

/** What to do after a stop, or the error. */
function stopped(error: unknown, signal: AbortSignal, message: string): unknown {
  return signal.aborted ? new AppError("source_unavailable", message, { cause: error }) : error;
}

function describe({ name, documents, passages, sha256 }: CollectionSummary): string {
  return `  ${visible(name)}  ${count(documents, "document")} in ${count(passages, "passage")}, sha256 ${sha256.slice(0, 16)}`;
}
