import { readReport } from "@cairn/chroma/ledger/batch.ts";
import { cancelRun } from "@cairn/chroma/ledger/run.ts";
import { readNewestRun, type WatchedRun } from "@cairn/chroma/ledger/watch.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { writeReport } from "@cairn/chroma/report/write.ts";
import { assertFits } from "@cairn/chroma/steps/environment.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import { openMachine } from "../cloud/machine.ts";
import { watchExecution } from "../cloud/watch.ts";
import type { CommandContext } from "../command-context.ts";
import { parseConfig } from "../config.ts";
import { verdictCode } from "../exit.ts";
import { withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";
import { addPlanOptions, type PlanFlags, planOptions } from "./chroma-options.ts";
import { printOutcome } from "./outcome.ts";

interface CloudFlags {
  readonly machine?: string;
}

interface MigrateFlags extends PlanFlags, CloudFlags {
  readonly reEmbed: "auto" | "always" | "never";
  readonly model?: string;
  readonly prune?: boolean;
  readonly discardChanges?: boolean;
  readonly watch: boolean;
}

interface StatusFlags extends CloudFlags {
  readonly watch?: boolean;
}

const HELP = `
The migration as a batch in AWS (docs/deploy.md): a state machine over functions, which survives whatever fails, with the
same proof. These commands start and watch it. Progress and report are read from the service's database, so DATABASE_URL
must be the same one; AWS is asked with the credentials of your shell.`;

export function addCloud(program: Command, context: CommandContext): void {
  const cloud = program
    .command("cloud")
    .summary("start and watch the migration in AWS")
    .description(paragraph(HELP));
  const machine = () =>
    new Option("--machine <arn>", "the state machine that sst deploy printed as `migration`").env(
      "CAIRN_MIGRATION_ARN",
    );
  addPlanOptions(
    cloud
      .command("migrate")
      .summary("start it, or go on where it was; watch it to its end")
      .description(
        "Starts the batch: it takes over the Chroma server that the secret ChromaUrl names. Ctrl-C stops watching, and nothing else.",
      )
      .addOption(machine()),
  )
    .addOption(
      new Option("--re-embed <when>", "embed the texts anew")
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("--model <provider/model>", "model to embed anew with")
    .option("--prune", "delete from the target what a migration wrote and Chroma has no longer")
    .option(
      "--discard-changes",
      "take Chroma's state: undo what was added, edited and deleted in Cairn since, and prune",
    )
    .option("--no-watch", "start it and leave")
    .action((flags: MigrateFlags, command: Command) => migrate(flags, command, context));
  cloud
    .command("status")
    .summary("how far it is")
    .addOption(machine())
    .option("--watch", "until it has ended")
    .action((flags: StatusFlags, command: Command) => status(flags, command, context));
  cloud
    .command("report")
    .summary("write the report of the newest run")
    .option("--report <file>", ".html (and .json beside it), or .json alone", "report.html")
    .action((flags: { readonly report: string }, command: Command) =>
      withServer(command, async (database, json) => {
        const run = await readNewestRun(database);
        const report = run && (await readReport(database, run.id));
        if (!report)
          throw new AppError(
            "not_found",
            run ? `Run ${run.id} has no report yet: it is ${run.status}.` : "No migration has run here yet.",
          );
        await conclude(report, flags.report, json, context);
      }),
    );
  cloud
    .command("cancel")
    .summary("stop it; what is copied stays, and the next start goes on")
    .addOption(machine())
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
    await conclude(report, flags.report, json, context);
  });
}

async function status(flags: StatusFlags, command: Command, context: CommandContext): Promise<void> {
  const machine = await openMachine(flags.machine);
  await withServer(command, async (database, json) => {
    const execution = await machine.newest();
    if (execution && flags.watch) {
      const report = await watchExecution(database, machine, execution, json, context.signal);
      return conclude(report, undefined, json, context);
    }
    const described = execution ? await machine.describe(execution) : undefined;
    const run = await readNewestRun(database);
    if (json)
      return printJson({ execution: execution ?? null, status: described?.status ?? null, run: run ?? null });
    console.log(
      execution
        ? `${described?.status}  ${execution}`
        : "The batch was never started. Start it: cairn cloud migrate",
    );
    if (run) printRun(run);
  });
}

async function cancel(flags: CloudFlags, command: Command): Promise<void> {
  const machine = await openMachine(flags.machine);
  await withServer(command, async (database, json) => {
    const execution = await machine.newest();
    const running = execution && (await machine.describe(execution)).status === "RUNNING";
    if (running) await machine.stop(execution, "Cancelled from the command line.");
    // A step under way outlives its execution: without the run it stops at its next page.
    const run = running ? await readNewestRun(database) : undefined;
    if (run) await cancelRun(database, run.id, "Cancelled from the command line.");
    if (json) return printJson({ cancelled: Boolean(running), execution: execution ?? null });
    console.log(
      running
        ? "Cancelled. What is copied stays; cairn cloud migrate goes on where it was."
        : "Nothing is running.",
    );
  });
}

async function conclude(
  report: MigrationReport,
  path: string | undefined,
  json: boolean,
  { finish }: CommandContext,
): Promise<void> {
  const written = path === undefined ? undefined : await writeReport(report, path);
  const files = [written?.html, written?.json].filter((file) => file !== undefined);
  if (json) printJson({ ...report, files });
  else printOutcome(report, files);
  finish(verdictCode(report.verdict));
}

function printRun({ id, source, status, lastError, collections }: WatchedRun): void {
  const done = collections.filter(({ phase }) => phase === "done");
  console.log(`Run ${id} of ${source}: ${status}${lastError ? ` (${lastError})` : ""}`);
  console.log(
    `  ${done.length} of ${count(collections.length, "collection")} begun ${done.length === 1 ? "is" : "are"} done.`,
  );
  for (const { collection, phase, pass, done: records, total, detail } of collections)
    if (phase === "failed")
      console.log(`  ${visible(collection, 50)}  failed: ${visible(detail ?? "", 500)}`);
    else if (phase !== "done")
      console.log(
        `  ${visible(collection, 50)}  ${records} of ${total}, ${phase === "copy" ? "copying" : `comparing (pass ${pass})`}`,
      );
}

/** The service's own database: the embedded one knows nothing of what happens in AWS. */
function withServer(
  command: Command,
  work: (database: Database, json: boolean) => Promise<void>,
): Promise<void> {
  const { databaseUrl } = parseConfig(command.optsWithGlobals());
  if (!databaseUrl)
    throw new AppError(
      "invalid_input",
      "Progress and report are read from the service's database: set DATABASE_URL (--database-url) to it.",
      { path: "--database-url (DATABASE_URL)" },
    );
  return withServices(command, ({ database }, { json }) => work(database, json));
}

/** What the state machine is asked for: the API's words for the same options. */
async function toRequest(flags: MigrateFlags): Promise<object> {
  const { patterns, mapping, tenant, only, sourceModel } = await planOptions(flags);
  if (patterns && patterns.length > 1)
    throw new AppError("invalid_input", "The batch takes one --pattern; for more, write a --map.", {
      path: "--pattern",
    });
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
  assertFits(request as unknown as JsonObject);
  return request;
}
