import { toCsv } from "@cairn/core/usage/csv.ts";
import { readUsage, type Usage } from "@cairn/core/usage/read.ts";
import { byTenantAndDay, type ModelTokens } from "@cairn/core/usage/summarize.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { bytes, paragraph, printJson, printTable } from "../terminal/print.ts";

const DESCRIPTION = `
Show what one tenant or each tenant used by day: requests, searches and tokens of the service, and the rows and bytes stored. Usage is
kept for 400 days. Each process of the service writes its counts every 10 seconds.`;

interface UsageFlags {
  readonly tenant?: string;
  readonly from?: string;
  readonly to?: string;
  readonly csv?: boolean;
}

export function addUsage(program: Command, _: CommandContext): void {
  addTenantCommand(program, "usage", { description: paragraph(DESCRIPTION) })
    .summary("Show the usage of one tenant or of all tenants by day")
    .option("--from <day>", "first UTC day, such as 2026-11-01 (default: 29 days before --to)")
    .option("--to <day>", "last UTC day (default: today)")
    .option("--csv", "print CSV, one line for each count")
    .action(({ tenant, from, to, csv }: UsageFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const tenantId = tenant === undefined ? null : (await chooseTenant(services, tenant)).id;
        const usage = await readUsage(services.database, tenantId, { from, to });
        if (csv) process.stdout.write(toCsv(usage));
        else if (json) printJson({ from: usage.from, to: usage.to, days: byTenantAndDay(usage) });
        else printUsage(usage);
      }),
    );
}

function printUsage(usage: Usage): void {
  const days = byTenantAndDay(usage);
  printTable(
    days.map(({ day, tenant, requests, searches, storedRows, storedBytes, tokens }) => ({
      day,
      tenant,
      requests,
      searches,
      rows: storedRows,
      size: storedBytes === null ? "" : bytes(storedBytes),
      tokens: tokens.map(describeTokens).join(", "),
    })),
  );
  if (days.length === 0) console.log(`Nothing was used from ${usage.from} to ${usage.to}.`);
}

function describeTokens({ kind, model, tokens }: ModelTokens): string {
  return `${kind.replaceAll("_", " ")} ${model}: ${tokens.toLocaleString("en")}`;
}
