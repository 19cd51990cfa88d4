import { changeTenant, createTenant, deleteTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withServices } from "../open.ts";
import { printJson, printTable } from "../terminal/print.ts";
import { addTenantLimits } from "./tenant-limits.ts";

export function addTenants(program: Command, _: CommandContext): void {
  const tenants = program.command("tenants").description("Manage tenants");
  tenants
    .command("list", { isDefault: true })
    .description("List all tenants")
    .action((_flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const all = await listTenants(database);
        if (json) return printJson(all);
        printTable(all.map(({ id, name, createdAt }) => ({ name, id, created: createdAt.toISOString() })));
        if (all.length === 0) console.log("There is no tenant yet. Create one: cairn tenants create NAME");
      }),
    );
  tenants
    .command("create <name>")
    .description("Create a tenant")
    .option("--id <uuid>", "id of the tenant, a UUID in any notation (default: random)")
    .action((name: string, flags: { readonly id?: string }, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const tenant = await createTenant(database, { name, id: flags.id });
        if (json) printJson(tenant);
        else
          console.log(`Created tenant ${tenant.name} (${tenant.id}). Next: cairn ingest --tenant ${tenant.name} FILE…`);
      }),
    );
  tenants
    .command("rename <name-or-id> <new-name>")
    .description("Rename a tenant; its id, keys and data stay the same")
    .action((tenant: string, name: string, _flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const renamed = await changeTenant(database, tenant, { name });
        if (json) printJson(renamed);
        else console.log(`Renamed tenant ${tenant} to ${renamed.name} (${renamed.id}).`);
      }),
    );
  addTenantLimits(tenants);
  tenants
    .command("delete <name-or-id>")
    .description("Delete a tenant with all its data")
    .requiredOption("--yes", "confirm the deletion, which cannot be undone")
    .action((name: string, _flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        await deleteTenant(database, name);
        if (json) printJson({ deleted: name });
        else console.log(`Deleted tenant ${name}.`);
      }),
    );
}
