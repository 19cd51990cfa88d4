import { listRuns } from "@cairn/core/evaluation/run.ts";
import { createSet, deleteSet, getSet, listSets } from "@cairn/core/evaluation/set.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withTenant } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { followUp } from "../terminal/command-line.ts";
import { count } from "../terminal/counts.ts";
import { printJson, printTable, visible } from "../terminal/print.ts";
import { addDue } from "./due.ts";
import { addQuestionOptions, parseNumber, type QuestionFlags, questionsOf } from "./question-options.ts";
import { addVariantOption, variantsOf } from "./variant-option.ts";

interface AddFlags extends QuestionFlags {
  readonly collection?: string;
  readonly variant?: readonly string[];
  readonly cutoff?: number;
  readonly every?: number;
  readonly maxDrop?: number;
  readonly replace?: boolean;
}

/** Adds the commands of stored question sets. */
export function addQuestionSets(program: Command, context: CommandContext): void {
  const sets = program.command("questions").description("Manage the stored question sets of a tenant, and their runs");
  addDue(sets, context);
  addTenantCommand(sets, "list", { description: "List the question sets of a tenant", isDefault: true }).action(
    (_flags: object, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        const all = await listSets(database, tenant.id);
        if (json) return printJson(all);
        printTable(
          all.map(({ name, questions, settings, dueAt, id }) => ({
            name,
            questions,
            schedule: settings.everyHours === undefined ? "none" : `every ${settings.everyHours} h`,
            "next run": dueAt?.toISOString() ?? "",
            id,
          })),
        );
        if (all.length === 0)
          console.log(`Tenant ${tenant.name} has no question set yet. cairn questions add creates one.`);
      }),
  );
  const add = addTenantCommand(sets, "add <name>", { description: "Store questions under a name" });
  addVariantOption(addQuestionOptions(add))
    .option("--collection <name>", "collection of the variants that name none (default: knowledge)")
    .option("--cutoff <k>", "results of a question that are judged (default: 10)", integerBetween(1, 1000))
    .option("--every <hours>", "run it on a schedule: hours between two runs", integerBetween(1, 8760))
    .option(
      "--max-drop <value>",
      "drop of nDCG between scheduled runs that raises an alarm (default: 0.02)",
      parseNumber,
    )
    .option("--replace", "replace a set of this name and keep its runs")
    .action((name: string, flags: AddFlags, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        const { cutoff, every: everyHours, maxDrop, replace, variant, collection } = flags;
        const variants = variant || collection !== undefined ? variantsOf(variant, collection) : undefined;
        const settings = { variants, cutoff, everyHours, maxDrop };
        const questions = await questionsOf(flags);
        const set = await createSet(database, tenant.id, { name, questions, settings, replace });
        if (json) printJson(set);
        else
          console.log(
            `Stored ${count(set.questions, "question")} as ${visible(set.name)}. Run it: ${followUp(command, ["evaluate", "--tenant", tenant.name, "--set", set.name])}`,
          );
      }),
    );
  addTenantCommand(sets, "runs <name>", { description: "List the runs of a question set, newest first" })
    .option("--limit <n>", "maximum number of runs", integerBetween(1, 200), 20)
    .action((name: string, { limit }: { readonly limit: number }, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        const runs = await listRuns(database, await getSet(database, tenant.id, name), { limit });
        if (json) return printJson(runs);
        printTable(
          runs.flatMap(({ createdAt, startedBy, summary }) =>
            summary.variants.map((variant) => ({
              time: createdAt.toISOString(),
              "started by": startedBy,
              variant: variant.name,
              [`nDCG@${summary.cutoff}`]: variant.totals.ndcg.toFixed(3),
              MRR: variant.totals.mrr.toFixed(3),
            })),
          ),
        );
        if (runs.length === 0)
          console.log(
            `The set ${visible(name)} has no run yet. Run it: ${followUp(command, ["evaluate", "--tenant", tenant.name, "--set", name])}`,
          );
      }),
    );
  addTenantCommand(sets, "delete <name>", { description: "Delete a question set and its runs" }).action(
    (name: string, _flags: object, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        const set = await deleteSet(database, tenant.id, name);
        if (json) printJson(set);
        else console.log(`Deleted the set ${visible(set.name)} and its runs.`);
      }),
  );
}
