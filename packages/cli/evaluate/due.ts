import { runSet } from "@cairn/core/evaluation/run-set.ts";
import { claimDueSets } from "@cairn/core/evaluation/set.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { EXIT } from "../exit.ts";
import { withServices } from "../open.ts";
import { paragraph, printJson, printTable } from "../terminal/print.ts";

const HELP = `
Run the stored question sets of all tenants whose schedule is due, for example from cron. cairn serve and the functions do the
same in their maintenance. Exit code 1: the nDCG of a variant is lower than in earlier scheduled runs, by more than the margin
of the set.`;

/** Adds the command that runs scheduled sets once. */
export function addDue(sets: Command, { signal, finish }: CommandContext): void {
  sets
    .command("due")
    .summary("Run the question sets whose schedule is due")
    .description(paragraph(HELP))
    .action((_flags: object, command: Command) =>
      withServices(command, async (services, { json }) => {
        const rows: Record<string, string>[] = [];
        let hasDropped = false;
        for (const tenant of await listTenants(services.database))
          for (const { id } of await claimDueSets(services.database, tenant.id)) {
            const { set, evaluation, drops } = await runSet(services, tenant.id, {
              set: id,
              startedBy: "schedule",
              signal,
            });
            hasDropped ||= drops.length > 0;
            for (const { name, totals } of evaluation.variants) {
              const drop = drops.find(({ variant }) => variant === name);
              const state = drop ? `dropped from ${drop.before.toFixed(3)}` : "";
              rows.push({ tenant: tenant.name, set: set.name, variant: name, nDCG: totals.ndcg.toFixed(3), state });
            }
          }
        if (json) printJson(rows);
        else if (rows.length === 0) console.log("No question set is due.");
        else printTable(rows);
        finish(hasDropped ? EXIT.failure : EXIT.done);
      }),
    );
}
