import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { addFilterOptions, type FilterFlags, filterInput } from "../options/filter-options.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { count } from "../terminal/counts.ts";
import { printJson } from "../terminal/print.ts";

interface DeleteFlags extends FilterFlags {
  readonly tenant?: string;
  readonly collection?: string;
}

export function addDelete(program: Command, _: CommandContext): void {
  addFilterOptions(
    addTenantOption(program.command("delete [ids...]").description("Delete documents by id or by a filter")),
  )
    .option("--collection <name>", "collection to delete from (default: knowledge)")
    .action((ids: readonly string[], flags: DeleteFlags, command: Command) => {
      const filters = filterInput(flags); // fails before the database is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const deleted = await deleteDocuments(services.database, tenant.id, {
          collection: flags.collection,
          ids: ids.length > 0 ? ids : undefined,
          ...filters,
        });
        if (deleted === 0 && ids.length > 0)
          throw new AppError(
            "not_found",
            "No document has one of these ids. List the ids: cairn documents list",
          );
        if (json) printJson({ deleted });
        else console.log(`Deleted ${count(deleted, "document")}.`);
      });
    });
}
