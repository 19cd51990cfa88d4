import {
  migrateSchema,
  rollbackSchema,
  type SchemaMigration,
  schemaStatus,
} from "@cairn/core/database/schema-migrations.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withServices } from "../open.ts";
import { printJson, printTable } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";

const SCHEMA = { schema: "never" } as const;

export function addDatabase(program: Command, _: CommandContext): void {
  const database = program.command("db").description("bring the database's schema forth and back");
  database
    .command("migrate")
    .description(
      "apply the schema migrations that are pending (a server needs it after every update of Cairn)",
    )
    .action((_flags: object, command: Command) =>
      withServices(
        command,
        async (services, { json }) => {
          const applied = await migrateSchema(services.database);
          if (json) printJson({ applied });
          else console.log(applied.length === 0 ? "The schema is up to date." : `Applied ${names(applied)}.`);
        },
        SCHEMA,
      ),
    );
  database
    .command("rollback")
    .description("take back the newest schema migrations, with the data that they hold")
    .option("--steps <n>", "number of schema migrations to take back", wholeNumber(1), 1)
    .option("--all", "take back every schema migration")
    .requiredOption("--yes", "really: it cannot be undone")
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
              rolledBack.length === 0 ? "There is nothing to take back." : `Took back ${names(rolledBack)}.`,
            );
        },
        SCHEMA,
      ),
    );
  database
    .command("status", { isDefault: true })
    .description("which schema migrations are applied and which are pending")
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
        SCHEMA,
      ),
    );
}

function names(migrations: readonly SchemaMigration[]): string {
  return migrations.map(({ version, name }) => `${String(version).padStart(4, "0")}_${name}`).join(", ");
}
