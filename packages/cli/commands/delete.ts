import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { printJson } from "../terminal/print.ts";
import { withTenant } from "./collections.ts";
import { type FilterFlags, filterInput, withFilter } from "./filter-options.ts";

interface DeleteFlags extends FilterFlags {
  readonly tenant?: string;
  readonly collection?: string;
}

export function addDelete(program: Command, _: CommandContext): void {
  withFilter(
    withTenant(
      program.command("delete [ids...]").description("delete documents by their ids, or by a filter"),
    ),
  )
    .option("--collection <name>", "from which collection (default: knowledge)")
    .action((ids: readonly string[], flags: DeleteFlags, command: Command) => {
      const filters = filterInput(flags); // before anything is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const deleted = await deleteDocuments(services.database, tenant.id, {
          collection: flags.collection,
          ids: ids.length > 0 ? ids : undefined,
          ...filters,
        });
        if (deleted === 0 && ids.length > 0)
          throw new AppError("not_found", "None of these ids is there. List them: cairn documents list");
        if (json) printJson({ deleted });
        else console.log(`Deleted ${count(deleted, "document")}.`);
      });
    });
}
