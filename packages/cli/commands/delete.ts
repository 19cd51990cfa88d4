import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withTenant } from "../open.ts";
import { addFilterOptions, type FilterFlags, filterInput } from "../options/filter-options.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { count } from "../terminal/counts.ts";
import { printJson } from "../terminal/print.ts";

interface DeleteFlags extends FilterFlags {
  readonly collection?: string;
}

export function addDelete(program: Command, _: CommandContext): void {
  const description = "Delete documents by id or by a filter";
  addFilterOptions(addTenantCommand(program, "delete [ids...]", { description }))
    .option("--collection <name>", "collection to delete from (default: knowledge)")
    .action((ids: readonly string[], flags: DeleteFlags, command: Command) => {
      const filters = filterInput(flags); // fails before the database is opened
      return withTenant(command, async ({ database }, tenant, { json }) => {
        const deleted = await deleteDocuments(database, tenant.id, {
          collection: flags.collection,
          ids: ids.length > 0 ? ids : undefined,
          ...filters,
        });
        if (deleted === 0 && ids.length > 0)
          throw new AppError("not_found", "No document has one of these ids. List the ids: cairn documents list");
        if (json) printJson({ deleted });
        else console.log(`Deleted ${count(deleted, "document")}.`);
      });
    });
}
