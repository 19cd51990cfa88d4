import type { Database } from "@cairn/core/database/database.ts";
import {
  migrateSchema,
  rollbackSchema,
  type SchemaMigration,
  schemaStatus,
} from "@cairn/core/database/schema-migrations.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import type { Config } from "../config.ts";
import { withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { printJson, printTable } from "../terminal/print.ts";

/** Runs a command that works on a schema of any version. */
function withAnySchema(command: Command, work: (database: Database, config: Config) => Promise<void>) {
  return withServices(command, ({ database }, config) => work(database, config), { schema: "never" });
}

export function addDatabase(program: Command, _: CommandContext): void {
  const database = program.command("db").description("Apply and roll back schema migrations");
  database
    .command("migrate")
    .description("Apply the pending schema migrations (required on a server after every update of Cairn)")
    .action((_flags: object, command: Command) =>
      withAnySchema(command, async (database, { json }) => {
        const applied = await migrateSchema(database);
        if (json) printJson({ applied });
        else console.log(applied.length === 0 ? "The schema is up to date." : `Applied ${names(applied)}.`);
      }),
    );
  database
    .command("rollback")
    .description("Roll back the newest schema migrations and delete their data")
    .option("--steps <n>", "number of schema migrations to roll back", integerBetween(1), 1)
    .option("--all", "roll back all schema migrations")
    .requiredOption("--yes", "confirm the rollback, which cannot be undone")
    .action((flags: { readonly steps: number; readonly all?: boolean }, command: Command) =>
      withAnySchema(command, async (database, { json }) => {
        const steps = flags.all ? Number.POSITIVE_INFINITY : flags.steps;
        const rolledBack = await rollbackSchema(database, { steps });
        if (json) printJson({ rolledBack });
        else if (rolledBack.length === 0) console.log("There is nothing to roll back.");
        else console.log(`Rolled back ${names(rolledBack)}.`);
      }),
    );
  database
    .command("status", { isDefault: true })
    .description("List the applied and pending schema migrations")
    .action((_flags: object, command: Command) =>
      withAnySchema(command, async (database, { json }) => {
        const status = await schemaStatus(database);
        if (json) return printJson(status);
        const applied = status.applied.map((step) => ({ ...step, applied: step.appliedAt.toISOString() }));
        const pending = status.pending.map((step) => ({ ...step, applied: "pending" }));
        printTable([...applied, ...pending].map(({ version, name, applied }) => ({ version, name, applied })));
      }),
    );
}

function names(migrations: readonly SchemaMigration[]): string {
  return migrations.map(({ version, name }) => `${String(version).padStart(4, "0")}_${name}`).join(", ");
}
