import type { Document } from "@cairn/core/document/document.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { exportDocuments, textOf } from "../export.ts";
import { chooseTenant, withServices } from "../open.ts";
import { printJson, printTable, visible, visibleLine, visibleLines } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";
import { type FilterFlags, filterInput, withFilter } from "./filter-options.ts";

/** Bytes of documents that `get` prints at most: a string in JavaScript has 512 MB. */
const MAX_BYTES = 100_000_000;

interface ListFlags extends FilterFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly limit: number;
  readonly after?: string;
  readonly vectors?: boolean;
}

export function addDocuments(program: Command, _: CommandContext): void {
  const documents = program.command("documents").description("list and show a collection's documents");
  withFilter(
    withTenant(
      documents.command("list", { isDefault: true }).description("the documents, in the order of their ids"),
    ),
  )
    .option("--collection <name>", "of which collection (default: knowledge)")
    .option("--limit <n>", "documents at most", wholeNumber(1, 1000), 100)
    .option("--after <cursor>", "go on where the page before ended")
    .option("--vectors", "with --json: their vectors, too; cairn ingest takes them as they are")
    .action((flags: ListFlags, command: Command) => {
      const filters = filterInput(flags); // before anything is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const { collection, limit, after, vectors } = flags;
        const page = await listDocuments(services.database, tenant.id, {
          collection,
          limit,
          after,
          ...filters,
        });
        if (json) {
          const told = await exportDocuments(services.database, tenant.id, { collection, ...page, vectors });
          return printJson({ documents: told, next: page.next });
        }
        printTable(page.documents.map(summary));
        if (page.next) console.log(`More: --after ${page.next}`);
        else if (page.documents.length === 0) console.log("No documents.");
      });
    });
  withTenant(documents.command("get <ids...>").description("documents whole, with every passage"))
    .option("--collection <name>", "of which collection (default: knowledge)")
    .option("--vectors", "with --json: their vectors, too")
    .action(
      (
        ids: readonly string[],
        flags: Pick<ListFlags, "tenant" | "collection" | "vectors">,
        command: Command,
      ) =>
        withServices(command, async (services, { json }) => {
          const tenant = await chooseTenant(services, flags.tenant);
          const found = await getDocuments(services.database, tenant.id, {
            collection: flags.collection,
            ids,
            maxBytes: MAX_BYTES,
          });
          const missing = ids.filter((id) => !found.some((document) => document.id === id));
          if (missing.length > 0)
            throw new AppError(
              "not_found",
              `There is no document ${missing.map((id) => JSON.stringify(visible(id))).join(", ")}. List them: cairn documents list`,
            );
          if (json) {
            const asked = { collection: flags.collection, documents: found, vectors: flags.vectors };
            printJson({ documents: await exportDocuments(services.database, tenant.id, asked) });
          } else found.forEach(printDocument);
        }),
    );
}

function summary({ id, passages, metadata }: Document) {
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
  for (const [key, value] of Object.entries(metadata))
    console.log(`${visible(key)}: ${visibleLine(String(value))}`);
  console.log(`\n${visibleLines(textOf(passages) ?? "(no text)")}\n`);
}
