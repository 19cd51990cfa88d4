import { type Explanation, explainSearch } from "@cairn/core/search/explain.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withTenant } from "../open.ts";
import { filterInput } from "../options/filter-options.ts";
import { addQueryOptions, type QueryFlags, queryOptions } from "../options/query-options.ts";
import { printJson } from "../terminal/print.ts";

interface ExplainFlags extends QueryFlags {
  readonly analyze?: boolean;
  readonly sql?: boolean;
}

export function addExplain(program: Command, { signal }: CommandContext): void {
  addQueryOptions(program.command("explain [text]").description("Show the plan of a search and the reasons for it"))
    .option("--sql", "show the SQL and the plan of Postgres")
    .option("--analyze", "run the search and show the plan of Postgres with actual times")
    .action((text: string | undefined, flags: ExplainFlags, command: Command) => {
      const filters = filterInput(flags); // fails before the database is opened
      return withTenant(command, async (services, tenant, { json }) => {
        const options = { ...(await queryOptions(text, flags)), ...filters, signal };
        const explanation = await explainSearch(services, tenant.id, { ...options, analyze: flags.analyze });
        if (json) printJson(explanation);
        else printExplanation(explanation, flags);
      });
    });
}

/** Prints the summary, with `analyze` also the plans, with `sql` also the statements and the plans. */
function printExplanation({ words, steps }: Explanation, { sql: withSql, analyze }: ExplainFlags): void {
  for (const sentence of words) console.log(sentence);
  if (!withSql && !analyze) return;
  for (const { list, settings, sql, plan } of steps) {
    console.log(`\n— ${list === "vector" ? "vector search" : "keyword search"} —`);
    if (withSql) {
      for (const statement of settings) console.log(`${statement};`);
      console.log(`${sql.trim()};\n`);
    }
    for (const line of plan) console.log(line);
  }
}
