import {
  migrateSchema,
  rollbackSchema,
  type SchemaMigration,
  schemaStatus,
} from "@cairn/core/database/schema-migrations.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { printJson, printTable } from "../terminal/print.ts";

/** These commands work on a schema of any version. */
const OPEN_OPTIONS = { schema: "never" } as const;

export function addDatabase(program: Command, _: CommandContext): void {
  const database = program.command("db").description("Apply and roll back schema migrations");
  database
    .command("migrate")
    .description("Apply the pending schema migrations (required on a server after every update of Cairn)")
    .action((_flags: object, command: Command) =>
      withServices(
        command,
        async (services, { json }) => {
          const applied = await migrateSchema(services.database);
          if (json) printJson({ applied });
          else console.log(applied.length === 0 ? "The schema is up to date." : `Applied ${names(applied)}.`);
        },
        OPEN_OPTIONS,
      ),
    );
  database
    .command("rollback")
    .description("Roll back the newest schema migrations and delete their data")
    .option("--steps <n>", "number of schema migrations to roll back", integerBetween(1), 1)
    .option("--all", "roll back all schema migrations")
    .requiredOption("--yes", "confirm the rollback, which cannot be undone")
    .action((flags: { readonly steps: number; readonly all?: boolean }, command: Command) =>
      withServices(
        command,
        async (services, { json }) => {
          const rolledBack = await rollbackSchema(services.database, {
            steps: flags.all ? Number.POSITIVE_INFINITY : flags.steps,
          });
          if (json) printJson({ rolledBack });
          else
            console.log(
              rolledBack.length === 0
                ? "There is nothing to roll back."
                : `Rolled back ${names(rolledBack)}.`,
            );
        },
        OPEN_OPTIONS,
      ),
    );
  database
    .command("status", { isDefault: true })
    .description("List the applied and pending schema migrations")
    .action((_flags: object, command: Command) =>
      withServices(
        command,
        async (services, { json }) => {
          const status = await schemaStatus(services.database);
          if (json) return printJson(status);
          printTable([
            ...status.applied.map(({ version, name, appliedAt }) => ({
              version,
              name,
              applied: appliedAt.toISOString(),
            })),
            ...status.pending.map(({ version, name }) => ({ version, name, applied: "pending" })),
          ]);
        },
        OPEN_OPTIONS,
      ),
    );
}

function names(migrations: readonly SchemaMigration[]): string {
  return migrations.map(({ version, name }) => `${String(version).padStart(4, "0")}_${name}`).join(", ");
}
