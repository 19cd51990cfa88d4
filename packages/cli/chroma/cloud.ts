import { readReport } from "@cairn/chroma/ledger/results.ts";
import { cancelRun } from "@cairn/chroma/ledger/run.ts";
import { type RunSnapshot, readLatestRun } from "@cairn/chroma/ledger/run-snapshot.ts";
import { assertRequestSize } from "@cairn/chroma/steps/environment.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { parseConfig } from "../config.ts";
import { withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";
import { openMachine } from "./cloud/machine.ts";
import { watchExecution } from "./cloud/watch.ts";
import { addPlanOptions, addWriteOptions, type PlanFlags, planOptions, type WriteFlags } from "./options.ts";
import { finishWithReport } from "./run.ts";

interface CloudFlags {
  readonly machine?: string;
}

interface MigrateFlags extends PlanFlags, WriteFlags, CloudFlags {
  readonly watch: boolean;
}

interface StatusFlags extends CloudFlags {
  readonly watch?: boolean;
}

const HELP = `
Control the migration as a batch in AWS (docs/deploy.md): a state machine that runs functions, retries what fails, and
verifies every record. Progress and report are read from the database, so DATABASE_URL must be the database of the service.
AWS is called with the credentials of your shell.`;

export function addCloud(program: Command, context: CommandContext): void {
  const cloud = program
    .command("cloud")
    .summary("Control the migration as a batch in AWS")
    .description(paragraph(HELP));
  const machineOption = () =>
    new Option("--machine <arn>", "ARN of the state machine, which sst deploy prints as `migration`").env(
      "CAIRN_MIGRATION_ARN",
    );
  addWriteOptions(
    addPlanOptions(
      cloud
        .command("migrate")
        .summary("Start or continue the migration and show its progress")
        .description(
          "Start or continue the migration of the Chroma server that the secret ChromaUrl names, and show its progress. Ctrl-C stops the progress display only.",
        )
        .addOption(machineOption()),
    ),
  )
    .option("--no-watch", "exit after the start")
    .action((flags: MigrateFlags, command: Command) => migrate(flags, command, context));
  cloud
    .command("status")
    .description("Show the status of the migration")
    .addOption(machineOption())
    .option("--watch", "show the progress until the migration ends")
    .action((flags: StatusFlags, command: Command) => status(flags, command, context));
  cloud
    .command("report")
    .description("Write the report of the newest run")
    .option("--report <file>", "report file: .html (plus .json next to it), or .json only", "report.html")
    .action((flags: { readonly report: string }, command: Command) =>
      withServer(command, async (database, json) => {
        const run = await readLatestRun(database);
        const report = run && (await readReport(database, run.id));
        if (!report)
          throw new AppError(
            "not_found",
            run
              ? `Run ${run.id} has no report yet. Its status is ${run.status}.`
              : "No migration has run in this database yet.",
          );
        await finishWithReport(report, { path: flags.report, json, context });
      }),
    );
  cloud
    .command("cancel")
    .description("Stop the migration; copied records stay, and the next start continues from them")
    .addOption(machineOption())
    .action((flags: CloudFlags, command: Command) => cancel(flags, command));
}

async function migrate(flags: MigrateFlags, command: Command, context: CommandContext): Promise<void> {
  const machine = await openMachine(flags.machine);
  const request = await toRequest(flags);
  await withServer(command, async (database, json) => {
    const execution = await machine.start({ request });
    if (!flags.watch) {
      if (json) printJson({ execution });
      else console.log(`Started ${execution}\nNext: cairn cloud status --watch`);
      return;
    }
    if (!json) console.error(`Started ${execution}`);
    const report = await watchExecution(database, machine, execution, json, context.signal);
    await finishWithReport(report, { path: flags.report, json, context });
  });
}

async function status(flags: StatusFlags, command: Command, context: CommandContext): Promise<void> {
  const machine = await openMachine(flags.machine);
  await withServer(command, async (database, json) => {
    const execution = await machine.newest();
    if (execution && flags.watch) {
      const report = await watchExecution(database, machine, execution, json, context.signal);
      return finishWithReport(report, { path: undefined, json, context });
    }
    const description = execution ? await machine.describe(execution) : undefined;
    const run = await readLatestRun(database);
    const { status = null } = description ?? {};
    if (json) return printJson({ execution: execution ?? null, status, run: run ?? null });
    console.log(
      execution ? `${status}  ${execution}` : "The migration was never started. Start it: cairn cloud migrate",
    );
    if (run) printRun(run);
  });
}

async function cancel(flags: CloudFlags, command: Command): Promise<void> {
  const machine = await openMachine(flags.machine);
  await withServer(command, async (database, json) => {
    const execution = await machine.newest();
    const isRunning = execution && (await machine.describe(execution)).status === "RUNNING";
    if (isRunning) await machine.stop(execution, "Cancelled from the command line.");
    // A step continues after its execution was stopped. It ends at the next page when its run is cancelled.
    const run = isRunning ? await readLatestRun(database) : undefined;
    if (run) await cancelRun(database, run.id, "Cancelled from the command line.");
    if (json) return printJson({ cancelled: Boolean(isRunning), execution: execution ?? null });
    console.log(isRunning ? "Cancelled. Copied records stay. To continue: cairn cloud migrate" : "Nothing is running.");
  });
}

function printRun({ id, source, status, lastError, collections }: RunSnapshot): void {
  const done = collections.filter(({ phase }) => phase === "done");
  console.log(`Run ${id} of ${source}: ${status}${lastError ? ` (${lastError})` : ""}`);
  console.log(
    `  ${done.length} of ${count(collections.length, "started collection")} ${done.length === 1 ? "is" : "are"} done.`,
  );
  for (const { collection, phase, pass, done: records, total, detail } of collections)
    if (phase === "failed") console.log(`  ${visible(collection, 50)}  failed: ${visible(detail ?? "", 500)}`);
    else if (phase !== "done")
      console.log(
        `  ${visible(collection, 50)}  ${records} of ${total}, ${phase === "copy" ? "copying" : `comparing (pass ${pass})`}`,
      );
}

/** Runs `work` with the database of the service. Throws `invalid_input` for the embedded database, which AWS cannot use. */
function withServer(command: Command, work: (database: Database, json: boolean) => Promise<void>): Promise<void> {
  const { databaseUrl } = parseConfig(command.optsWithGlobals());
  if (!databaseUrl)
    throw new AppError(
      "invalid_input",
      "Progress and report cannot be read: no database server is set. Set DATABASE_URL (--database-url) to the database of the service.",
      { path: "--database-url (DATABASE_URL)" },
    );
  return withServices(command, ({ database }, { json }) => work(database, json));
}

/** Builds the input of the state machine, with the field names of the API. Throws `invalid_input`. */
async function toRequest(flags: MigrateFlags): Promise<object> {
  const { patterns, mapping, tenant, only, sourceModel } = await planOptions(flags);
  if (patterns && patterns.length > 1)
    throw new AppError(
      "invalid_input",
      "The migration in AWS accepts only one --pattern. Use --map for several patterns.",
      { path: "--pattern" },
    );
  const request = {
    pattern: patterns?.[0],
    mapping,
    tenant,
    only,
    source_model: sourceModel,
    chroma_tenants: flags.chromaTenant,
    chroma_databases: flags.chromaDatabase,
    re_embed: flags.reEmbed,
    model: flags.model,
    prune: flags.prune,
    discard_changes: flags.discardChanges,
    page_size: flags.pageSize,
    queries: flags.queries,
  };
  assertRequestSize(request as unknown as JsonObject);
  return request;
}
