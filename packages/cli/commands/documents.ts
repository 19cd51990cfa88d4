import type { Document } from "@cairn/core/document/document.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { exportDocuments, textOf } from "../export.ts";
import { withTenant } from "../open.ts";
import { addFilterOptions, type FilterFlags, filterInput } from "../options/filter-options.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { printJson, printTable, visible, visibleLine, visibleLines } from "../terminal/print.ts";

/** Maximum size of the documents that `get` prints, in bytes. A JavaScript string has at most 512 MB. */
const MAX_GET_BYTES = 100_000_000;

interface GetFlags {
  readonly collection?: string;
  readonly vectors?: boolean;
}

interface ListFlags extends FilterFlags, GetFlags {
  readonly limit: number;
  readonly after?: string;
}

export function addDocuments(program: Command, _: CommandContext): void {
  const documents = program.command("documents").description("List and show the documents of a collection");
  const description = "List documents in the order of their ids";
  addFilterOptions(addTenantCommand(documents, "list", { description, isDefault: true }))
    .option("--collection <name>", "collection (default: knowledge)")
    .option("--limit <n>", "maximum number of documents", integerBetween(1, 1000), 100)
    .option("--after <cursor>", "cursor that the previous page printed")
    .option("--vectors", "with --json, include the vectors; cairn ingest stores them unchanged")
    .action((flags: ListFlags, command: Command) => {
      const filters = filterInput(flags); // fails before the database is opened
      return withTenant(command, async ({ database }, tenant, { json }) => {
        const { collection, limit, after, vectors } = flags;
        const page = await listDocuments(database, tenant.id, { collection, limit, after, ...filters });
        if (json) {
          const exported = await exportDocuments(database, tenant.id, { collection, ...page, vectors });
          return printJson({ documents: exported, next: page.next });
        }
        printTable(page.documents.map(toRow));
        if (page.next) console.log(`Next page: --after ${page.next}`);
        else if (page.documents.length === 0) console.log("No documents.");
      });
    });
  addTenantCommand(documents, "get <ids...>", { description: "Show complete documents by id" })
    .option("--collection <name>", "collection (default: knowledge)")
    .option("--vectors", "with --json, include the vectors")
    .action((ids: readonly string[], { collection, vectors }: GetFlags, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        const options = { collection, ids, maxBytes: MAX_GET_BYTES };
        const documents = await getDocuments(database, tenant.id, options);
        const missing = ids.filter((id) => !documents.some((document) => document.id === id));
        if (missing.length > 0)
          throw new AppError(
            "not_found",
            `There is no document ${missing.map((id) => JSON.stringify(visible(id))).join(", ")}. List the ids: cairn documents list`,
          );
        if (!json) return documents.forEach(printDocument);
        printJson({
          documents: await exportDocuments(database, tenant.id, { collection, documents, vectors }),
        });
      }),
    );
}

function toRow({ id, passages, metadata }: Document) {
  return {
    id: visible(id, 40),
    passages: passages.length,
    vector: passages.every(({ embedded }) => embedded) ? "yes" : "no",
    text: visibleLine(passages[0]?.content ?? "", 60),
    metadata: visible(Object.keys(metadata).join(", "), 40),
  };
}

function printDocument({ id, passages, metadata, uri, updatedAt }: Document): void {
  console.log(`# ${visible(id)}  (changed ${updatedAt.toISOString()})${uri ? `  ${visible(uri)}` : ""}`);
  for (const [key, value] of Object.entries(metadata)) console.log(`${visible(key)}: ${visibleLine(String(value))}`);
  console.log(`\n${visibleLines(textOf(passages) ?? "(no text)")}\n`);
}
