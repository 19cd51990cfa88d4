import { type Explanation, explainSearch } from "@cairn/core/search/explain.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { printJson } from "../terminal/print.ts";
import { filterInput } from "./filter-options.ts";
import { type QueryFlags, queryOptions, withQueryOptions } from "./query-options.ts";

interface ExplainFlags extends QueryFlags {
  readonly analyze?: boolean;
  readonly sql?: boolean;
}

export function addExplain(program: Command, { signal }: CommandContext): void {
  withQueryOptions(program.command("explain [text]").description("how a query is carried out, and why"))
    .option("--sql", "show the SQL and Postgres's plan as well")
    .option("--analyze", "run the query, and show what each step of Postgres's plan took")
    .action((text: string | undefined, flags: ExplainFlags, command: Command) => {
      const filters = filterInput(flags); // before anything is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const asked = { ...(await queryOptions(text, flags)), ...filters, signal };
        const explanation = await explainSearch(services, tenant.id, { ...asked, analyze: flags.analyze });
        if (json) printJson(explanation);
        else print(explanation, flags);
      });
    });
}

/** The summary; with `analyze` the plans with what they took, with `sql` the statements as well. */
function print({ words, steps }: Explanation, { sql: withSql, analyze }: ExplainFlags): void {
  for (const sentence of words) console.log(sentence);
  if (!withSql && !analyze) return;
  for (const { list, settings, sql, plan } of steps) {
    console.log(`\n— ${list === "vector" ? "by meaning" : "by words"} —`);
    if (withSql) {
      for (const statement of settings) console.log(`${statement};`);
      console.log(`${sql.trim()};\n`);
    }
    for (const line of plan) console.log(line);
  }
}
