import { type Explanation, explainSearch } from "@cairn/core/search/explain.ts";
import type { Command } from "commander";
import { chooseTenant, withServices } from "../open.ts";
import type { Surroundings } from "../surroundings.ts";
import { printJson } from "../terminal/print.ts";
import { filterInput } from "./filter-options.ts";
import { type QueryFlags, queryOptions, withQueryOptions } from "./query-options.ts";

interface ExplainFlags extends QueryFlags {
  readonly analyze?: boolean;
}

export function addExplain(program: Command, { signal }: Surroundings): void {
  withQueryOptions(
    program
      .command("explain [text]")
      .description("how a query is carried out, in words, in SQL and as Postgres plans it"),
  )
    .option("--analyze", "carry it out, and show what each step took")
    .action((text: string | undefined, flags: ExplainFlags, command: Command) => {
      const filters = filterInput(flags); // before anything is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const asked = { ...(await queryOptions(text, flags)), ...filters, signal };
        const explanation = await explainSearch(services, tenant.id, { ...asked, analyze: flags.analyze });
        if (json) printJson(explanation);
        else print(explanation);
      });
    });
}

function print({ words, steps }: Explanation): void {
  for (const sentence of words) console.log(sentence);
  for (const { list, settings, sql, plan } of steps) {
    console.log(`\n— ${list === "vector" ? "by meaning" : "by words"} —`);
    for (const statement of settings) console.log(`${statement};`);
    console.log(`${sql.trim()};\n`);
    for (const line of plan) console.log(line);
  }
}
